package analysis

import (
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/services/internal/llm"
)

func TestACallTakesOneRequestAtATime(t *testing.T) {
	t.Parallel()
	now := time.Now()
	free := CallState{}
	busy := free.requested([]string{"a", "b"}, []byte("k"), []byte("body"), now)
	if _, err := free.ask(nil, nil, now); err != nil {
		t.Errorf("a free call: %v", err)
	}
	_, err := busy.ask(nil, nil, now)
	if f, _ := fault.As(err); f == nil || f.Code != "ANALYSIS_IN_PROGRESS" || f.Params["analysisId"] != "a" {
		t.Errorf("a busy call: %v", err)
	}
	again, err := busy.ask([]byte("k"), []byte("body"), now.Add(23*time.Hour))
	if err != nil || len(again) != 2 {
		t.Errorf("asked again: %v %v", again, err)
	}
	if _, err := busy.ask([]byte("k"), []byte("another"), now); !fault.Is(err, "IDEMPOTENCY_MISMATCH") {
		t.Errorf("another body: %v", err)
	}
	if _, err := busy.ask([]byte("k"), []byte("body"), now.Add(25*time.Hour)); !fault.Is(err, "ANALYSIS_IN_PROGRESS") {
		t.Errorf("a day later: %v", err)
	}
	if !busy.turn("a") || busy.turn("b") {
		t.Error("it is the first one's turn alone")
	}
	half := busy.ended("a")
	if !half.turn("b") || half.turn("a") {
		t.Error("then the second one's")
	}
	if _, err := half.ended("b").ask(nil, nil, now); err != nil {
		t.Errorf("after the last one: %v", err)
	}
	erased := CallState{Erased: true}
	if _, err := erased.ask(nil, nil, now); fault.KindOf(err) != fault.Gone {
		t.Errorf("erased: %v", err)
	}
}

func TestNoTakeoverRenewsTheDeadline(t *testing.T) {
	t.Parallel()
	now := time.Now()
	r := Record{ID: "a"}
	attempt, deadline := r.start(now)
	r = r.after(&eventv1.CallEvent{
		Meta: &eventv1.Meta{At: timestamppb.New(now)},
		Kind: &eventv1.CallEvent_Started{Started: &eventv1.AnalysisStarted{Attempt: attempt, Deadline: timestamppb.New(deadline)}},
	})
	if again, later := r.start(now.Add(time.Minute)); again != 2 || !later.Equal(deadline) || !deadline.Equal(now.Add(10*time.Minute)) {
		t.Errorf("attempt %d until %s, first until %s", again, later, deadline)
	}
}

func TestWhatWasSentAndNeverAnsweredMayHaveBeenPaid(t *testing.T) {
	t.Parallel()
	sent := func(try uint32) *eventv1.CallEvent {
		return &eventv1.CallEvent{Kind: &eventv1.CallEvent_Sent{Sent: &eventv1.RequestSent{Try: try}}}
	}
	text := "answer"
	r := Record{}.after(sent(1)).after(sent(2)).after(&eventv1.CallEvent{Kind: &eventv1.CallEvent_Piece{
		Piece: &eventv1.PieceAnswered{Try: 2, Text: &text, Usage: &eventv1.Usage{Requests: 1, InputTokens: 7}},
	}})
	if u := r.total(); u.Requests != 1 || u.Maybe != 1 || u.InputTokens != 7 || r.Text != text || r.Tries != 2 {
		t.Errorf("%+v %+v", u, r)
	}
}

func TestOnlyWhatWasSurelyNotProcessedIsAskedAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err   error
		try   int
		again bool
	}{
		{&llm.Error{Class: llm.ClassRetryAfter, Status: 429, RetryAfter: time.Second}, 50, true},
		{&llm.Error{Class: llm.ClassRetryBackoff, Status: 503}, 1, true},
		{&llm.Error{Class: llm.ClassRetryBackoff, Status: 500}, maxRefused, false},
		{&llm.Error{Class: llm.ClassRampDown, Status: 429}, 1, true},
		{&llm.Error{Class: llm.ClassInterrupted, MaybeProcessed: true}, 1, false},
		{&llm.Error{Class: llm.ClassRetryBackoff, MaybeProcessed: true}, 1, false},
		{&llm.Error{Class: llm.ClassAuth, Status: 401}, 1, false},
		{&llm.Error{Class: llm.ClassConfig, Status: 404}, 1, false},
		{&llm.Error{Class: llm.ClassBilling, Status: 429}, 1, false},
		{&llm.Error{Class: llm.ClassTimeout, MaybeProcessed: true}, 1, false},
		{errors.New("ours"), 1, false},
	} {
		if _, again := retry(c.err, c.try, newPause()); again != c.again {
			t.Errorf("%v, try %d: asked again: %v", c.err, c.try, again)
		}
	}
}

func TestErrorsAreToldByTheirCause(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]*llm.Error{
		codeAuth:        {Class: llm.ClassAuth, Status: 401},
		codeRate:        {Class: llm.ClassRetryAfter, Status: 429},
		codeCredit:      {Class: llm.ClassBilling, Status: 429},
		codeServer:      {Class: llm.ClassRetryBackoff, Status: 500},
		codeOverloaded:  {Class: llm.ClassRetryBackoff, Status: 503},
		codeTimeout:     {Class: llm.ClassTimeout},
		codeInterrupted: {Class: llm.ClassInterrupted},
		codeTooLong:     {Class: llm.ClassNeverFits, Status: 400},
		codeFiltered:    {Class: llm.ClassContent, Status: 400},
		codeOther:       {Class: llm.ClassConfig, Status: 404},
	} {
		if got := codeOf(e); got != want {
			t.Errorf("%+v is told as %s, want %s", e, got, want)
		}
	}
	if err := usable(llm.Completion{Text: " \n", FinishReason: "content_filter"}); err == nil {
		t.Error("an answer without a word is taken")
	}
}
