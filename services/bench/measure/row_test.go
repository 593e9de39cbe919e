package measure

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

// script is a trial whose legs read out what was written down; the last line is repeated.
type script struct {
	limit, subject []float64
	fails, wrong   error
	did            []string
	closed         int
}

func (s *script) Limit(context.Context) (Reading, error) {
	return s.next("limit", &s.limit), s.fails
}

func (s *script) Subject(context.Context) (Reading, error) {
	return s.next("subject", &s.subject), nil
}

func (s *script) next(leg string, lines *[]float64) Reading {
	s.did = append(s.did, leg)
	v := (*lines)[0]
	if len(*lines) > 1 {
		*lines = (*lines)[1:]
	}
	return Reading{Figure: v}
}

func (s *script) Check(context.Context) error { s.did = append(s.did, "check"); return s.wrong }

func (s *script) Close(context.Context) error { s.closed++; return nil }

func (s *script) measure(t *testing.T, exact bool, plan Plan) Result {
	t.Helper()
	plan.Machine = func() (float64, float64) { return 1.5, 2 }
	r := Measure(t.Context(), Row{
		Name: "row", Unit: Time, Exact: exact, Open: func(context.Context) (Trial, error) { return s, nil },
	}, plan)
	if s.closed != 1 {
		t.Errorf("closed %d times", s.closed)
	}
	return r
}

func TestLegsTakeTurnsAndTheFirstRoundIsToWarmUp(t *testing.T) {
	t.Parallel()
	s := &script{limit: []float64{1000, 10}, subject: []float64{1, 30}}
	r := s.measure(t, false, Plan{Rounds: 3, MaxRounds: 6})
	want := []string{"limit", "subject", "limit", "subject", "limit", "subject", "limit", "subject", "check"}
	if !slices.Equal(s.did, want) {
		t.Errorf("%v", s.did)
	}
	if r.Failed != "" || r.Rounds != 3 || r.Figure.Ratio != 3 || r.Load != 1.5 || r.Cores != 2 || r.CPU != nil {
		t.Errorf("%+v %+v", r, r.Figure)
	}
}

func TestMoreRoundsAreTriedWhileTheLimitMovesAndNoneIsLeftOut(t *testing.T) {
	t.Parallel()
	calm := []float64{0, 10, 20, 10, 10, 10, 10, 10, 10}
	s := &script{limit: slices.Clone(calm), subject: []float64{30}}
	if r := s.measure(t, false, Plan{Rounds: 2, MaxRounds: 8}); r.Figure.Refused != "" || r.Rounds != 5 {
		t.Errorf("it came to rest after %d rounds: %+v", r.Rounds, r.Figure)
	}
	s = &script{limit: slices.Clone(calm), subject: []float64{30}}
	late := func() bool { return false }
	if r := s.measure(t, false, Plan{Rounds: 2, MaxRounds: 8, More: late}); r.Figure.Refused == "" || r.Rounds != 2 {
		t.Errorf("without time for more: %d rounds, %+v", r.Rounds, r.Figure)
	}
	s = &script{limit: []float64{0, 10, 20, 10, 20, 10, 20, 10, 20}, subject: []float64{30}}
	if r := s.measure(t, false, Plan{Rounds: 2, MaxRounds: 6}); r.Figure.Refused == "" || r.Rounds != 6 {
		t.Errorf("it never came to rest: %d rounds, %+v", r.Rounds, r.Figure)
	}
}

func TestAnExactFigureNeedsOneRound(t *testing.T) {
	t.Parallel()
	s := &script{limit: []float64{10}, subject: []float64{40}}
	if r := s.measure(t, true, Plan{Rounds: 5, MaxRounds: 10}); r.Rounds != 1 || r.Figure.Ratio != 4 || len(s.did) != 3 {
		t.Errorf("%+v %v", r, s.did)
	}
}

func TestARowThatIsWrongHasNoFigures(t *testing.T) {
	t.Parallel()
	s := &script{limit: []float64{10}, subject: []float64{40}, wrong: errors.New("an event is missing")}
	r := s.measure(t, false, Plan{Rounds: 1})
	if !strings.Contains(r.Failed, "an event is missing") || r.Figure != nil {
		t.Errorf("%+v", r)
	}
	s = &script{limit: []float64{10}, subject: []float64{40}, fails: errors.New("it died")}
	if r := s.measure(t, false, Plan{Rounds: 1}); !strings.Contains(r.Failed, "it died") || slices.Contains(s.did, "check") {
		t.Errorf("%+v %v", r, s.did)
	}
	r = Measure(t.Context(), Row{Open: func(context.Context) (Trial, error) { return nil, errors.New("no room") }}, Plan{Rounds: 1})
	if !strings.Contains(r.Failed, "no room") {
		t.Errorf("%+v", r)
	}
}
