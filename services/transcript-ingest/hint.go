package ingest

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/proto/subject"
)

// hintJSON tells who follows a call that there is something to read: how far its transcript goes (0 where that
// has not changed), and from which position
// on a view has it. It holds none of the words: who hears it reads them.
type hintJSON struct {
	CallID   string `json:"callId"`
	Revision uint32 `json:"revision,omitempty"`
	Position string `json:"position"`
}

// hintEvery is how long hints at one call are brought together: whoever follows on another replica hears of the first word
// at once, and of many that come together only once. Hints of every word would cost more than what they say.
const hintEvery = 5 * time.Millisecond

// hinting is what is to be hinted at, by call.
type hinting struct {
	wake chan struct{}

	mu    sync.Mutex
	calls map[ref]hintAt
}

// hintAt is where something is to be read.
type hintAt struct {
	revision uint32
	position stream.Position
}

func newHinting() *hinting {
	return &hinting{wake: make(chan struct{}, 1), calls: map[ref]hintAt{}}
}

// add has a call hinted at. Of several hints the furthest is left.
func (h *hinting) add(r ref, revision uint32, written stream.Position) {
	h.mu.Lock()
	old := h.calls[r]
	h.calls[r] = hintAt{max(old.revision, revision), furthest(written, old.position)}
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// take is what is to be hinted at now.
func (h *hinting) take() map[ref]hintAt {
	h.mu.Lock()
	defer h.mu.Unlock()
	calls := h.calls
	h.calls = map[ref]hintAt{}
	return calls
}

// hint wakes those who follow calls, on whatever replica, until the context ends. Hints may be lost: who follows looks now
// and then by itself.
func (s *Service) hint(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for ctx.Err() == nil {
		select {
		case <-s.hinting.wake:
		case <-ctx.Done():
		}
		for r, at := range s.hinting.take() {
			s.hintAt(ctx, r, at)
		}
		pause.Reset(hintEvery)
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
}

func (s *Service) hintAt(ctx context.Context, r ref, at hintAt) {
	data, err := json.Marshal(hintJSON{CallID: r.call, Revision: at.revision, Position: at.position.Encode()})
	if err == nil {
		err = s.facts.Hint(ctx, subject.WordsHint(r.tenant, r.call), data)
	}
	if err != nil {
		s.log.DebugContext(ctx, "a hint did not leave", "tenant", r.tenant, "call", r.call, "error", err)
	}
}

// hints wakes a follower of a call until the context is done: with the position that the newest hint named, "" where
// it cannot be read.
func (s *Service) hints(ctx context.Context, r ref, woken chan string) {
	err := s.facts.Hints(ctx, subject.WordsHint(r.tenant, r.call), func(_ string, data []byte) {
		var h hintJSON
		_ = json.Unmarshal(data, &h) // what cannot be read still wakes
		select {
		case <-woken: // the newest goes furthest
		default:
		}
		woken <- h.Position
	})
	if ctx.Err() == nil {
		s.log.DebugContext(ctx, "hints are not heard", "tenant", r.tenant, "call", r.call, "error", err)
	}
}
