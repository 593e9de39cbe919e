package ingest

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/services/internal/edge"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// eventsJSON is what became of events.
type eventsJSON struct {
	Accepted    uint32         `json:"accepted"`
	Duplicates  uint32         `json:"duplicates"`
	Corrected   uint32         `json:"corrected"`
	Conflicting uint32         `json:"conflicting"`
	Refused     []refusedEvent `json:"refused"`
}

// refusedEvent is an event of a batch, counted from 0, that was not taken, and why.
type refusedEvent struct {
	Index int    `json:"index"`
	ID    string `json:"id"`
	Field string `json:"field"`
	Code  string `json:"code"`
}

// postEvents takes CloudEvents: one, with its attributes in headers or whole, or a batch.
func (s *Service) postEvents(w http.ResponseWriter, r *http.Request) error {
	caller, err := callerOf(r.Context())
	if err != nil {
		return err
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == typeEventBatch {
		return s.postEventBatch(w, r, caller)
	}
	data, err := readBody(w, r, maxEvent)
	if err != nil {
		return err
	}
	if len(r.Header.Values("Content-Type")) == 0 && r.Header.Get("Ce-Specversion") == "" {
		return unsupportedMedia("", typeEvent)
	}
	e, err := eventOf(r.Header, data)
	if err != nil {
		return err
	}
	a, err := e.arrival(timestamppb.New(time.Now()))
	if err != nil {
		return err
	}
	got := s.bring(r.Context(), caller, ref{caller.Tenant, a.call}, a)
	if got.err != nil {
		return fault.Op("ingest.event", got.err)
	}
	out := &eventCount{out: eventsJSON{Refused: []refusedEvent{}}}
	out.add(0, e.id, got)
	edge.SetPosition(w, s.including(got.pos))
	return edge.Encode(w, http.StatusOK, out.out)
}

// postEventBatch takes a batch event by event: what is refused is named, the rest is in. Those of one call keep their
// order. Trouble of ours ends it; sent again, what was in is recognised.
func (s *Service) postEventBatch(w http.ResponseWriter, r *http.Request, caller identity.Caller) error {
	data, err := readBody(w, r, maxEventBatch)
	if err != nil {
		return err
	}
	var batch []json.RawMessage
	if err := readJSON(data, &batch); err != nil {
		return err
	}
	if len(batch) > maxBatchEvents {
		return tooLarge("BODY_TOO_LARGE", "", maxBatchEvents)
	}
	out := &eventCount{out: eventsJSON{Refused: []refusedEvent{}}}
	lanes, now := newLanes(s, nil), timestamppb.New(time.Now())
	for i, text := range batch {
		e, a, err := batchedEvent(text, now)
		done := func(got taken) { out.add(i, e.id, got) }
		if err != nil {
			done(taken{err: err})
			continue
		}
		lanes.put(r.Context(), &errand{by: caller, ref: ref{caller.Tenant, a.call}, arrival: a, done: done})
	}
	lanes.wait()
	if out.err != nil {
		return fault.Op("ingest.events", out.err)
	}
	slices.SortFunc(out.out.Refused, func(a, b refusedEvent) int { return cmp.Compare(a.Index, b.Index) })
	edge.SetPosition(w, s.including(out.pos))
	return edge.Encode(w, http.StatusOK, out.out)
}

func batchedEvent(text []byte, now *timestamppb.Timestamp) (e cloudEvent, a arrival, err error) {
	if len(text) > maxEvent {
		return e, a, tooLarge("BODY_TOO_LARGE", "", maxEvent)
	}
	if e, err = structuredEvent(text); err == nil {
		a, err = e.arrival(now)
	}
	return e, a, err
}

// eventCount counts what became of events, from whatever goroutine.
type eventCount struct {
	mu  sync.Mutex
	out eventsJSON
	pos stream.Position
	err error // of ours
}

func (t *eventCount) add(index int, id string, got taken) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.out.Accepted += got.res.GetAccepted()
	t.out.Duplicates += got.res.GetDuplicates()
	t.out.Corrected += got.res.GetCorrected()
	t.out.Conflicting += got.res.GetConflicting()
	t.pos = furthest(t.pos, got.pos)
	if got.err == nil {
		return
	}
	if !refused(got.err) {
		t.err = got.err
		return
	}
	f, _ := fault.As(got.err)
	t.out.Refused = append(t.out.Refused, refusedEvent{Index: index, ID: id, Field: f.Field, Code: f.Code})
}

// readBody reads a body of at most limit bytes: BODY_TOO_LARGE.
func readBody(w http.ResponseWriter, r *http.Request, limit int) ([]byte, error) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(limit)))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge("BODY_TOO_LARGE", "", limit)
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "INVALID", fault.Wrapping(err))
	}
	return data, nil
}
