package ingest

import (
	"context"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/follow"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	"github.com/kikigaki/kikigaki/services/internal/ids"
)

// The guards of a call: its history, its live words (their subject alone), its parts.
func (r ref) callGuard() stream.Guard {
	return stream.NewGuard(subject.Calls, subject.CallGuard(r.tenant, r.call))
}

func (r ref) liveGuard() stream.Guard {
	return stream.NewGuard(subject.Live, subject.LiveWords(r.tenant, r.call))
}

func (r ref) partGuard() stream.Guard {
	return stream.NewGuard(subject.Transcripts, subject.TranscriptGuard(r.tenant, r.call))
}

// voiceLogGuard guards a tenant's setting of the compatible API.
func voiceLogGuard(tenant string) stream.Guard {
	return stream.NewGuard(subject.Settings, subject.Setting(tenant, voiceLogSetting))
}

// callerOf is who is calling. Everything lies under a tenant, so one must be known.
func callerOf(ctx context.Context) (identity.Caller, error) {
	c, err := identity.From(ctx)
	if err == nil && c.Tenant == "" {
		err = fault.New(fault.Forbidden, "FORBIDDEN")
	}
	return c, err
}

// self is the service acting by itself.
func self(r ref) identity.Caller { return identity.Caller{Tenant: r.tenant, Service: Name} }

func meta(by identity.Caller) *eventv1.Meta {
	return &eventv1.Meta{At: timestamppb.New(time.Now()), By: by.Actor(), Service: Name}
}

func encode(at string, m proto.Message) (*stream.Event, error) {
	data, err := proto.Marshal(m)
	if err != nil {
		return nil, err
	}
	return &stream.Event{Subject: at, Data: data}, nil
}

func (s *Service) commit(ctx context.Context, g stream.Guard, decide follow.Decide) (stream.Position, error) {
	return s.follower.Commit(ctx, g, ids.New("event"), decide)
}

// commitCall takes a decision upon a call's newest record and writes what it decides: an event and the kind it is
// filed under, or nil for nothing.
func (s *Service) commitCall(
	ctx context.Context, by identity.Caller, r ref, decide func(record) (kind string, e *eventv1.CallEvent, err error),
) (stream.Position, error) {
	return s.commit(ctx, r.callGuard(), func(tx *view.Tx) (*stream.Event, error) {
		rec, err := readRecord(tx, r)
		if err != nil {
			return nil, err
		}
		kind, e, err := decide(rec)
		if err != nil || e == nil {
			return nil, err
		}
		e.CallId, e.Meta = r.call, meta(by)
		return encode(subject.Call(r.tenant, r.call, kind), e)
	})
}

// including is the position of everything that this replica has seen and of what was just written. All three streams
// are in it, since they have no common order: whoever waits for it sees the call as well as its words.
func (s *Service) including(written stream.Position) string {
	return furthest(s.follower.Position(), written).Encode()
}

// furthest is the position that includes two others of one incarnation.
func furthest(p, q stream.Position) stream.Position {
	out := slices.Clone(p)
	for _, m := range q {
		i := slices.IndexFunc(out, func(o stream.Mark) bool { return o.Stream == m.Stream })
		if i < 0 {
			out = append(out, m)
			continue
		}
		out[i].Sequence = max(out[i].Sequence, m.Sequence)
	}
	return out
}
