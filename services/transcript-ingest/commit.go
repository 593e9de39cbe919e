package ingest

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

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

func meta(by identity.Caller) *eventv1.Meta {
	return &eventv1.Meta{At: timestamppb.New(time.Now()), By: by.Actor(), Service: Name}
}

func event(at string, m proto.Message) (*stream.Event, error) {
	data, err := proto.Marshal(m)
	if err != nil {
		return nil, err
	}
	return &stream.Event{Subject: at, Data: data}, nil
}

// commitCall takes a decision about a call; a nil event writes nothing.
func (s *Service) commitCall(
	ctx context.Context, by identity.Caller, r ref, kind string,
	decide func(rec record, known bool) (*eventv1.CallEvent, error),
) (stream.Position, error) {
	return s.commit(ctx, r.callGuard(), func(tx *view.Tx) (*stream.Event, error) {
		rec, known, err := readRecord(tx, r)
		if err != nil {
			return nil, err
		}
		e, err := decide(rec, known)
		if err != nil || e == nil {
			return nil, err
		}
		e.CallId, e.Meta = r.call, meta(by)
		return event(subject.Call(r.tenant, r.call, kind), e)
	})
}

func (s *Service) commit(ctx context.Context, g stream.Guard, decide follow.Decide) (stream.Position, error) {
	return s.follower.Commit(ctx, g, ids.New("event"), decide)
}
