package notify

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"
)

// eventStream is a screen that listens to server-sent events.
type eventStream struct {
	w     http.ResponseWriter
	out   *http.ResponseController
	write time.Duration
	// allowed asks again whether the request is authorised.
	allowed func(context.Context) error
	// begun is set once an answer is under way, and no problem can be answered any more.
	begun bool
}

// resetJSON is the data of a reset.
type resetJSON struct {
	AsOf string `json:"asOf"`
}

// opened sends the headers, the client's pause before it connects again, and the id it would then go on behind: a
// stream that is cut before its first event is resumed without a gap too. The pause is another one for each stream,
// lest all of them come back in the same moment when a replica stops.
func (e *eventStream) opened(from place) error {
	h := e.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Accel-Buffering", "no") // proxies that collect an answer before they pass it on would hold it for ever
	e.w.WriteHeader(http.StatusOK)
	e.begun = true
	pause := 500 + rand.IntN(2500) //nolint:gosec // spreads load, guards nothing
	return e.send(fmt.Appendf(nil, "retry: %d\nid: %s\n\n", pause, from))
}

func (e *eventStream) reset(to place) error {
	return e.send(event(to.String(), "reset", resetJSON{AsOf: to.String()}))
}

func (e *eventStream) tell(list []*outcome) error {
	if err := e.deadline(); err != nil {
		return err
	}
	for _, o := range list {
		if _, err := e.w.Write(o.frame()); err != nil {
			return err
		}
	}
	return e.out.Flush()
}

// beat sends a comment, which clients pass over, so that nobody on the way takes the connection for dead.
func (e *eventStream) beat() error { return e.send([]byte(": beat\n\n")) }

func (e *eventStream) check(ctx context.Context) error { return e.allowed(ctx) }

func (e *eventStream) send(b []byte) error {
	if err := e.deadline(); err != nil {
		return err
	}
	if _, err := e.w.Write(b); err != nil {
		return err
	}
	return e.out.Flush()
}

// deadline bounds the next write: a client that does not read is cut by it.
func (e *eventStream) deadline() error { return e.out.SetWriteDeadline(time.Now().Add(e.write)) }
