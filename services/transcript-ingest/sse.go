package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/services/internal/edge"
)

// FollowPath is the pattern of the stream of a call's words, which lasts as long as the call. It must not be buffered on
// its way.
const FollowPath = "GET /api/v1/calls/{call}/follow"

// getFollow tells what is said in a call while it is said, as server-sent events: words, with what came behind the
// revision that was told last (?after=, 0 at first), and ended. Events have no ids: who comes again says the revision
// that it has.
func (s *Service) getFollow(e *edge.Edge) edge.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		caller, err := callerOf(r.Context())
		if err != nil {
			return err
		}
		var after uint64
		if text := r.URL.Query().Get("after"); text != "" {
			if after, err = strconv.ParseUint(text, 10, 32); err != nil || after > maxEntries {
				return fault.New(fault.Invalid, "FIELD_INVALID", fault.Field("after"))
			}
		}
		if err := s.follower.WaitPosition(r.Context(), edge.Position(r)); err != nil {
			return err
		}
		call := ref{caller.Tenant, r.PathValue("call")}
		if _, err := s.call(call); err != nil {
			return err
		}
		leave, err := s.watching()
		if err != nil {
			return err
		}
		defer leave()
		credential, _ := edge.CredentialOf(r)
		to := &wordStream{
			call: call.call, w: w, out: http.NewResponseController(w), write: s.pace.write,
			allowed: func(ctx context.Context) error { return e.Recheck(ctx, credential) },
		}
		err = to.opened()
		if err == nil {
			err = s.watch(r.Context(), call, uint32(after), to)
		}
		s.log.DebugContext(r.Context(), "a stream of words ended", "tenant", call.tenant, "call", call.call, "reason", err)
		return nil // an answer is under way: no problem can be answered any more
	}
}

// wordStream is a screen that listens to server-sent events.
type wordStream struct {
	call  string
	w     http.ResponseWriter
	out   *http.ResponseController
	write time.Duration
	// allowed asks again whether the request is authorised.
	allowed func(context.Context) error
}

// opened sends the headers and the client's pause before it connects again: another one for each stream, lest all of
// them come back in the same moment when a replica stops.
func (e *wordStream) opened() error {
	h := e.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Accel-Buffering", "no") // proxies that collect an answer before they pass it on would hold it for ever
	e.w.WriteHeader(http.StatusOK)
	pause := 500 + rand.IntN(2500) //nolint:gosec // spreads load, guards nothing
	return e.send(fmt.Appendf(nil, "retry: %d\n\n", pause))
}

func (e *wordStream) words(revision uint32, list []told) error {
	out := make([]utteranceJSON, 0, len(list))
	for _, t := range list {
		u := utteranceOf(t.entry)
		if t.correction {
			u.CreatedAt = nil // that is the utterance's, which whoever follows has
		}
		out = append(out, utteranceJSONOf(u))
	}
	return e.event("words", map[string]any{"callId": e.call, "revision": revision, "utterances": out})
}

func (e *wordStream) ended(revision uint32, at time.Time) error {
	return e.event("ended", map[string]any{
		"callId": e.call, "revision": revision, "endedAt": edge.Time(timestamppb.New(at)),
	})
}

func (e *wordStream) event(kind string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return e.send(fmt.Appendf(nil, "event: %s\ndata: %s\n\n", kind, data))
}

// beat sends a comment, which clients pass over, so that nobody on the way takes the connection for dead.
func (e *wordStream) beat() error { return e.send([]byte(": beat\n\n")) }

func (e *wordStream) check(ctx context.Context) error { return e.allowed(ctx) }

// send writes at once. A client that does not read in time is cut.
func (e *wordStream) send(b []byte) error {
	if err := e.out.SetWriteDeadline(time.Now().Add(e.write)); err != nil {
		return err
	}
	if _, err := e.w.Write(b); err != nil {
		return err
	}
	return e.out.Flush()
}
