package rig

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// asking is a client of a provider, without a token of ours.
func asking(t *testing.T, url, key string) func(text string) error {
	t.Helper()
	c := &Client{url: url, token: "unused", http: &http.Client{Transport: &http.Transport{}}}
	t.Cleanup(c.Close)
	return func(text string) error {
		body := map[string]any{
			"model": "sim-large", "messages": []any{map[string]string{"role": "user", "content": text}},
		}
		return c.send(t.Context(), http.MethodPost, "/chat/completions", body, nil, func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+key)
		}, nil)
	}
}

func TestTheProviderNotesWhenItWasAskedAndWhenItAnswered(t *testing.T) {
	t.Parallel()
	p, err := StartProvider(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	ask := asking(t, p.URL, secret)
	if err := ask("are you there?"); err != nil {
		t.Fatal(err)
	}
	p.Begin()
	begun := time.Now()
	if err := ask("[1] agent: this is bench-00017.\n"); err != nil {
		t.Fatal(err)
	}
	got := p.Asked("bench-00017")
	if len(got) != 1 || len(p.Asked("bench-0001")) != 0 {
		t.Fatalf("%v", got)
	}
	if e := got[0]; e.Arrived.Before(begun) || e.Left.Sub(e.Arrived) < answerTime || time.Now().Before(e.Left) {
		t.Errorf("asked at %s: %+v", begun, e)
	}
	if err := p.CheckLedger(1); err != nil {
		t.Error(err)
	}
	if err := p.CheckLedger(2); err == nil {
		t.Error("an analysis that the provider was not asked for is believed")
	}
	if err := asking(t, p.URL, "another key")("bench-00018"); err == nil || p.CheckLedger(1) == nil {
		t.Errorf("a request that was refused is passed over: %v", err)
	}
}

// streaming serves an event stream, frame by frame as they come.
func streaming(t *testing.T, frames <-chan string) *Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		for f := range frames {
			_, _ = fmt.Fprint(w, f)
			_ = http.NewResponseController(w).Flush()
		}
	}))
	t.Cleanup(server.Close)
	c := &Client{url: server.URL, http: &http.Client{Transport: &http.Transport{}}}
	t.Cleanup(c.Close)
	return c
}

func completedFrame(call string) string {
	return fmt.Sprintf("id: x-1\nevent: analysis.completed\ndata: {\"callId\":%q}\n\n", call)
}

func TestAScreenNotesWhatItWasTold(t *testing.T) {
	t.Parallel()
	frames := make(chan string, 10)
	frames <- "retry: 1\nid: x-0\n\n"
	frames <- "id: x-9\nevent: call.ended\ndata: {\"callId\":\"a\"}\n\n"
	frames <- completedFrame("a")
	s, err := streaming(t, frames).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Await(t.Context(), []string{"a"}); err != nil {
		t.Fatal(err)
	}
	frames <- completedFrame("b")
	frames <- completedFrame("a")
	frames <- completedFrame("c")
	if err := s.Await(t.Context(), []string{"b", "c"}); err != nil {
		t.Fatal(err)
	}
	if len(s.Heard("a")) != 2 || len(s.Heard("b")) != 1 || len(s.Heard("d")) != 0 {
		t.Errorf("%v", s.heard)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := s.Await(ctx, []string{"a", "d"}); err == nil || !strings.Contains(err.Error(), "1 outcomes were not told") {
		t.Errorf("%v", err)
	}
	close(frames)
	if err := s.Await(t.Context(), []string{"d"}); err == nil || !strings.Contains(err.Error(), "the event stream ended") {
		t.Errorf("%v", err)
	}
}

func TestAScreenThatIsToldOfAFailureIsWrong(t *testing.T) {
	t.Parallel()
	frames := make(chan string, 1)
	defer close(frames)
	frames <- "event: analysis.failed\ndata: {\"callId\":\"a\",\"errorCode\":\"PROVIDER_AUTH\"}\n\n"
	s, err := streaming(t, frames).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Await(t.Context(), []string{"a"}); err == nil || !strings.Contains(err.Error(), "PROVIDER_AUTH") {
		t.Errorf("%v", err)
	}
}
