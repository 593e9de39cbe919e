package ingest

import (
	"context"
	"encoding/json"

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

// hint wakes those who follow a call, on whatever replica. It may be lost; they look now and then by themselves.
func (s *Service) hint(ctx context.Context, r ref, revision uint32, written stream.Position) {
	data, err := json.Marshal(hintJSON{CallID: r.call, Revision: revision, Position: written.Encode()})
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
