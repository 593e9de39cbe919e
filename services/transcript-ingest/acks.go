package ingest

import (
	"sync"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

const (
	// ackEvery is how many messages are acknowledged together, ackWithin how long the first of fewer waits for others.
	ackEvery  = 64
	ackWithin = 5 * time.Millisecond
)

// message is a message of a stream that is on disk, refused, or failed.
type message struct {
	taken

	call string
	size int64
}

// acks makes cumulative acknowledgements of messages that are finished in any order. What is counted and what is refused
// is told with the acknowledgement of its message, never before and never twice.
type acks struct {
	// moved has something to receive after more can be acknowledged; broken is closed at the first message that failed
	// through no fault of its own: neither it nor anything behind it is acknowledged.
	moved  chan struct{}
	broken chan struct{}

	mu       sync.Mutex
	finished map[uint64]message
	sure     uint64 // everything up to it is on disk or refused
	res      *transcriptv1.StreamUtterancesResponse
	pos      stream.Position
	told     uint64
	room     int64 // that is free once res is sent
	err      error
}

func newAcks() *acks {
	return &acks{
		moved: make(chan struct{}, 1), broken: make(chan struct{}), finished: map[uint64]message{},
		res: &transcriptv1.StreamUtterancesResponse{},
	}
}

// finish notes what became of message n, counted from 1.
func (a *acks) finish(n uint64, m message) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if m.err != nil && !refused(m.err) {
		if a.err == nil {
			a.err = m.err
			close(a.broken)
		}
		return
	}
	a.finished[n] = m
	for next, ok := a.finished[a.sure+1]; ok; next, ok = a.finished[a.sure+1] {
		a.sure++
		delete(a.finished, a.sure)
		a.pass(a.sure, next)
	}
	select {
	case a.moved <- struct{}{}:
	default:
	}
}

func (a *acks) pass(n uint64, m message) {
	a.res.Acknowledged = n
	a.res.Accepted += m.res.GetAccepted()
	a.res.Duplicates += m.res.GetDuplicates()
	a.res.Corrected += m.res.GetCorrected()
	a.res.Conflicting += m.res.GetConflicting()
	a.pos = furthest(a.pos, m.pos)
	a.room += m.size
	if m.err == nil {
		return
	}
	f, _ := fault.As(m.err)
	a.res.Refused = append(a.res.Refused, &transcriptv1.RefusedMessage{
		Message: n, CallId: m.call, Code: f.Code, Field: f.Field, Params: f.Params,
	})
}

// enough tells whether the next acknowledgement need not wait for more.
func (a *acks) enough() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sure-a.told >= ackEvery
}

// collect is the next acknowledgement, and the room that is free once it is sent; nil when there is nothing to tell.
func (a *acks) collect() (*transcriptv1.StreamUtterancesResponse, int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sure == a.told {
		return nil, 0
	}
	res, room := a.res, a.room
	a.res, a.room, a.told = &transcriptv1.StreamUtterancesResponse{}, 0, a.sure
	return res, room
}

// position includes everything that was collected.
func (a *acks) position() stream.Position {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.pos
}

// trouble is why messages failed through no fault of their own; nil when none did.
func (a *acks) trouble() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.err
}
