package analysis

import (
	"bytes"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

// idempotencyTime is how long a repeated request under the same Idempotency-Key gets the same answer.
const idempotencyTime = 24 * time.Hour

// CallState is what decisions about a call's analyses need to know of it.
type CallState struct {
	Info CallInfo `json:"info"`
	// Erased is the end: nothing else is known of the call then, but whether age was the reason (Aged).
	Erased bool `json:"erased,omitempty"`
	Aged   bool `json:"aged,omitempty"`
	// Running are the analyses of the request that is under way and not terminal, in their order. The first of them
	// may run; the call is busy until none is left.
	Running []string `json:"running,omitempty"`
	// Repeats are requests that carried an Idempotency-Key.
	Repeats []Repeat `json:"repeats,omitempty"`
}

// Repeat remembers a request by its Idempotency-Key.
type Repeat struct {
	Key, Body []byte
	At        time.Time
	IDs       []string
}

// ask decides on a request: the ids of an earlier request when it is a repetition, nil when it may be written.
// CALL_ERASED, IDEMPOTENCY_MISMATCH, ANALYSIS_IN_PROGRESS.
func (c CallState) ask(key, body []byte, now time.Time) (earlier []string, err error) {
	if c.Erased {
		return nil, callErased()
	}
	if len(key) > 0 {
		for _, r := range c.Repeats {
			if !bytes.Equal(r.Key, key) || now.Sub(r.At) > idempotencyTime {
				continue
			}
			if !bytes.Equal(r.Body, body) {
				return nil, fault.New(fault.Unprocessable, "IDEMPOTENCY_MISMATCH", fault.Field("Idempotency-Key"))
			}
			return r.IDs, nil
		}
	}
	if len(c.Running) > 0 {
		return nil, fault.New(fault.Conflict, "ANALYSIS_IN_PROGRESS", fault.Param("analysisId", c.Running[0]))
	}
	return nil, nil
}

// requested is the call after a request of some analyses. Repetitions that are too old to count are forgotten by the
// time of this event, not by the clock, so that every replica forgets the same.
func (c CallState) requested(ids []string, key, body []byte, at time.Time) CallState {
	c.Running = ids
	kept := make([]Repeat, 0, len(c.Repeats)+1)
	for _, r := range c.Repeats {
		if at.Sub(r.At) <= idempotencyTime {
			kept = append(kept, r)
		}
	}
	if len(key) > 0 {
		kept = append(kept, Repeat{Key: key, Body: body, At: at, IDs: ids})
	}
	c.Repeats = kept
	return c
}

// ended is the call after one of its analyses has ended.
func (c CallState) ended(id string) CallState {
	left := make([]string, 0, len(c.Running))
	for _, r := range c.Running {
		if r != id {
			left = append(left, r)
		}
	}
	c.Running = left
	return c
}

// turn tells whether it is an analysis's turn within its request.
func (c CallState) turn(id string) bool {
	return !c.Erased && len(c.Running) > 0 && c.Running[0] == id
}

func callErased() error { return fault.New(fault.Gone, "CALL_ERASED") }
