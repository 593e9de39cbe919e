package simulator_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/services/internal/llm"
	"github.com/kikigaki/kikigaki/services/simulator"
)

func TestAFaultMayWaitForTheNthRequestOfAnOrganisation(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Script(
		simulator.Fault{Organization: "org-south", Times: 9, Status: http.StatusInternalServerError},
		simulator.Fault{Organization: "org-north", Skip: 2, Status: http.StatusServiceUnavailable},
	)
	c := b.client(t, llm.Config{Secret: goodSecret})
	for range 2 {
		if _, err := c.Complete(t.Context(), about("sim-large", dialogue)); err != nil {
			t.Fatal(err)
		}
	}
	if e := refused(t, c, about("sim-large", dialogue)); e.Status != http.StatusServiceUnavailable {
		t.Errorf("the third gives %+v", e)
	}
}

func TestAnAnswerThatDripsIsWhole(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Script(simulator.Fault{Status: http.StatusOK, Body: whole, Drip: time.Microsecond})
	c := b.client(t, llm.Config{Secret: goodSecret})
	if got, err := c.Complete(t.Context(), about("sim-large", dialogue)); err != nil || got.Text != "yes" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAnAnswerThatDripsTooSlowlyMayHaveBeenPaid(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Script(simulator.Fault{Status: http.StatusOK, Body: whole, Drip: time.Hour})
	c := b.client(t, llm.Config{Secret: goodSecret})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := c.Complete(ctx, about("sim-large", dialogue))
	var e *llm.Error
	if !errors.As(err, &e) || e.Class != llm.ClassTimeout || !e.MaybeProcessed {
		t.Errorf("got %+v", err)
	}
}

func TestTooLongNamesTheParameter(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if e := refused(t, b.client(t, llm.Config{Secret: deadSecret}), about("small-window", dialogue)); e.Param != "" {
		t.Errorf("a dead key: param %q", e.Param)
	}
	req := about("small-window", dialogue+dialogue+dialogue)
	if e := refused(t, b.client(t, llm.Config{Secret: goodSecret}), req); e.Param != "messages" {
		t.Errorf("param %q", e.Param)
	}
}
