package rig

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Screen is an open event stream that notes when it was told of which call.
type Screen struct {
	cancel context.CancelFunc
	done   chan struct{}
	news   chan struct{} // something was heard

	mu    sync.Mutex
	heard map[string][]time.Time // by call
	wrong error
}

// Open opens a screen and returns when it is connected.
func (c *Client) Open(ctx context.Context) (*Screen, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &Screen{cancel: cancel, done: make(chan struct{}), news: make(chan struct{}, 1), heard: map[string][]time.Time{}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/api/v1/notifications/stream", http.NoBody)
	if err != nil {
		cancel()
		return nil, err
	}
	req.Header.Set("Authorization", "Token "+c.token)
	res, err := (&http.Client{Transport: c.http.Transport}).Do(req) //nolint:bodyclose // by who listens; and no time-out: a stream has no end
	if err == nil && res.StatusCode != http.StatusOK {
		_ = res.Body.Close()
		err = fmt.Errorf("event stream: %s", res.Status)
	}
	if err != nil {
		cancel()
		return nil, err
	}
	go func() {
		defer close(s.done)
		defer func() { _ = res.Body.Close() }()
		s.listen(bufio.NewScanner(res.Body))
		if ctx.Err() == nil {
			s.tell("", errors.New("the event stream ended"))
		}
	}()
	return s, nil
}

// Close ends the stream.
func (s *Screen) Close() {
	s.cancel()
	<-s.done
}

func (s *Screen) listen(lines *bufio.Scanner) {
	kind := ""
	for lines.Scan() {
		switch name, value, _ := strings.Cut(lines.Text(), ": "); name {
		case "event":
			kind = value
		case "data":
			switch kind {
			case "analysis.completed":
				var about struct {
					CallID string `json:"callId"`
				}
				err := json.Unmarshal([]byte(value), &about)
				s.tell(about.CallID, err)
			case "analysis.failed", "reset":
				s.tell("", fmt.Errorf("the screen was told of %s: %s", kind, value))
			}
		}
	}
}

func (s *Screen) tell(call string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.wrong = errors.Join(s.wrong, err)
	} else {
		s.heard[call] = append(s.heard[call], time.Now())
	}
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// Heard is when the screen was told that the analysis of a call is there: each time.
func (s *Screen) Heard(call string) []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heard[call]
}

// Await waits until every one of some calls was heard of.
func (s *Screen) Await(ctx context.Context, calls []string) error {
	for {
		s.mu.Lock()
		left, wrong := 0, s.wrong
		for _, call := range calls {
			if len(s.heard[call]) == 0 {
				left++
			}
		}
		s.mu.Unlock()
		if wrong != nil || left == 0 {
			return wrong
		}
		select {
		case <-s.news:
		case <-ctx.Done():
			return fmt.Errorf("%d outcomes were not told: %w", left, ctx.Err())
		}
	}
}
