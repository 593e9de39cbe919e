package simulator_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/services/internal/llm"
	"github.com/kikigaki/kikigaki/services/simulator"
)

func start(t *testing.T, s *simulator.Server) string {
	t.Helper()
	url, err := s.Start(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(context.Background()) })
	return url
}

const whole = `{"id":"x","model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"yes"}}]}`

// TestWhatGoesWrongIsToldApart: the library underneath takes some of these for answers, loses the status of others and
// asks again by itself. One question is one request, whatever comes back.
func TestWhatGoesWrongIsToldApart(t *testing.T) {
	t.Parallel()
	html := map[string]string{"Content-Type": "text/html; charset=utf-8"}
	for name, c := range map[string]struct {
		fault     simulator.Fault
		class     llm.Class
		processed bool
		says      string
	}{
		"an error that is a text":    {simulator.Fault{Status: 400, Body: `{"error":"text"}`}, llm.ClassConfig, false, "text"},
		"an error of status 200":     {simulator.Fault{Status: 200, Body: `{"error":{"message":"no luck","code":"server_is_overloaded"}}`}, llm.ClassRetryBackoff, false, "no luck"},
		"an empty object":            {simulator.Fault{Status: 200, Body: `{}`}, llm.ClassUnknown, true, "no choices"},
		"an empty body":              {simulator.Fault{Status: 200}, llm.ClassUnknown, true, "JSON"},
		"no choices":                 {simulator.Fault{Status: 200, Body: `{"choices":[]}`}, llm.ClassUnknown, true, "no choices"},
		"a choice that never ended":  {simulator.Fault{Status: 200, Body: `{"choices":[{"message":{"content":"y"}}]}`}, llm.ClassUnknown, true, "why it ended"},
		"half a JSON":                {simulator.Fault{Status: 200, Body: whole[:60]}, llm.ClassUnknown, true, "JSON"},
		"garbage behind it":          {simulator.Fault{Status: 200, Body: whole + "<!-- -->"}, llm.ClassUnknown, true, "JSON"},
		"members of other types":     {simulator.Fault{Status: 200, Body: `{"choices":"yes"}`}, llm.ClassUnknown, true, ""},
		"a page of status 200":       {simulator.Fault{Status: 200, Header: html, Body: "<html>hello"}, llm.ClassUnknown, true, "text/html"},
		"JSON that says it is HTML":  {simulator.Fault{Status: 200, Header: html, Body: whole}, llm.ClassUnknown, true, "text/html"},
		"a page of status 500":       {simulator.Fault{Status: 500, Header: html, Body: "<html>oops"}, llm.ClassRetryBackoff, false, "<html>oops"},
		"a redirect":                 {simulator.Fault{Status: 307, Header: map[string]string{"Location": "http://127.0.0.1:1/"}}, llm.ClassUnknown, false, ""},
		"overloaded":                 {simulator.Fault{Status: 503, Header: map[string]string{"Retry-After": "3"}, Body: `{"detail":"busy"}`}, llm.ClassRetryBackoff, false, "busy"},
		"a conflict":                 {simulator.Fault{Status: 409, Body: `{"message":"busy"}`}, llm.ClassRetryBackoff, false, "busy"},
		"refused for what it says":   {simulator.Fault{Status: 400, Body: `{"error":{"code":"content_filter","message":"no"}}`}, llm.ClassContent, false, "no"},
		"never, in Azure's words":    {simulator.Fault{Status: 429, Header: map[string]string{"Retry-After": "86400"}}, llm.ClassNeverFits, false, ""},
		"longer than 8 MiB":          {simulator.Fault{Status: 200, Body: strings.Repeat(" ", 9<<20) + whole}, llm.ClassUnknown, true, "8 MiB"},
		"cut in the body":            {simulator.Fault{Status: 200, Body: whole, CutAfter: 20}, llm.ClassInterrupted, true, ""},
		"cut before the answer":      {simulator.Fault{}, llm.ClassInterrupted, true, ""},
		"a number for its code":      {simulator.Fault{Status: 404, Body: `{"error":{"code":404,"message":"gone","param":null}}`}, llm.ClassConfig, false, "gone"},
		"not UTF-8":                  {simulator.Fault{Status: 500, Body: "\xff\xfe"}, llm.ClassRetryBackoff, false, "\uFFFD"},
		"a key's owner has no money": {simulator.Fault{Status: 429, Body: `{"error":{"type":"insufficient_quota"}}`}, llm.ClassBilling, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			client := b.client(t, llm.Config{Secret: goodSecret})
			// A connection that is kept open is the one that a transport likes to ask again on.
			if _, err := client.Complete(t.Context(), about("sim-large", dialogue)); err != nil {
				t.Fatal(err)
			}
			c.fault.Times = 3
			b.Script(c.fault)
			e := refused(t, client, about("sim-large", dialogue))
			if e.Class != c.class || e.MaybeProcessed != c.processed || e.Status != c.fault.Status || !strings.Contains(e.Message, c.says) {
				t.Errorf("got %+v", e)
			}
			if n := b.asked(); n != 2 {
				t.Errorf("%d requests for 2 questions", n)
			}
		})
	}
}

func TestAnAnswerThatDoesNotComeInTime(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Script(simulator.Fault{Hang: -1, Times: 2})
	c := b.client(t, llm.Config{Secret: goodSecret})
	ctx, expire := context.WithCancelCause(t.Context())
	go func() { // out of time as soon as the provider has the question, and no sooner
		for b.asked() == 0 && t.Context().Err() == nil {
			runtime.Gosched()
		}
		expire(context.DeadlineExceeded)
	}()
	_, err := c.Complete(ctx, about("sim-large", dialogue))
	var e *llm.Error
	if !errors.As(err, &e) || e.Class != llm.ClassTimeout || !e.MaybeProcessed || e.Status != 0 {
		t.Errorf("got %+v", err)
	}
	if n := b.asked(); n != 1 {
		t.Errorf("%d requests", n)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Complete(gone, about("sim-large", dialogue))
	if !errors.As(err, &e) || e.Class != llm.ClassInterrupted {
		t.Errorf("cancelled: got %+v", err)
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String() + "/v1"
	_ = l.Close()
	b := newBench(t)
	e := refused(t, b.client(t, llm.Config{Secret: goodSecret, BaseURL: url}), about("sim-large", dialogue))
	if e.Class != llm.ClassRetryBackoff || e.MaybeProcessed || e.Status != 0 || !strings.Contains(e.Message, "refused") {
		t.Errorf("got %+v", e)
	}
}

func TestAnOlderServerIsAskedInItsWords(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Script(simulator.Fault{Status: http.StatusBadRequest, Body: `{"error":{"message":"Unrecognized request argument supplied: max_completion_tokens"}}`})
	c := b.client(t, llm.Config{Secret: goodSecret})
	for n := 2; n <= 3; n++ { // the first question is two requests, the second one
		if _, err := c.Complete(t.Context(), about("sim-large", dialogue)); err != nil {
			t.Fatal(err)
		}
		if got := b.asked(); got != n {
			t.Errorf("%d requests, want %d", got, n)
		}
	}
}

func TestAServerThatWantsTheNewWordIsNotAskedInTheOld(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Script(simulator.Fault{Status: http.StatusBadRequest, Times: 2, Body: `{"error":{"message":"'max_tokens' is not supported. Use 'max_completion_tokens' instead."}}`})
	e := refused(t, b.client(t, llm.Config{Secret: goodSecret}), about("sim-large", dialogue))
	if n := b.asked(); n != 1 || e.Class != llm.ClassConfig {
		t.Errorf("%d requests, %+v", n, e)
	}
}

func TestFaultsAreForTheRequestsTheyFit(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Script(simulator.Fault{Marker: "booking", Model: "sim-echo", Status: http.StatusInternalServerError})
	c := b.client(t, llm.Config{Secret: goodSecret})
	for _, req := range []llm.Request{about("sim-large", dialogue), about("sim-echo", "Hello.")} {
		if _, err := c.Complete(t.Context(), req); err != nil {
			t.Error(err)
		}
	}
	if e := refused(t, c, about("sim-echo", dialogue)); e.Status != http.StatusInternalServerError {
		t.Errorf("got %+v", e)
	}
	if _, err := c.Complete(t.Context(), about("sim-echo", dialogue)); err != nil {
		t.Errorf("it happens once, and again: %v", err)
	}
}

func TestStoppingEndsAnswersThatHang(t *testing.T) {
	t.Parallel()
	s := simulator.New(simulator.Config{Keys: []simulator.Key{{Secret: goodSecret}}, Latency: time.Hour})
	b := bench{s, start(t, s)}
	c := b.client(t, llm.Config{Secret: goodSecret})
	ended := make(chan error, 1)
	go func() {
		_, err := c.Complete(t.Context(), about("sim-large", dialogue))
		ended <- err
	}()
	go func() { _ = s.Stop(context.Background()) }()
	var e *llm.Error
	if err := <-ended; !errors.As(err, &e) {
		t.Errorf("got %v", err)
	}
}
