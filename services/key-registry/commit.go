package keys

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	"github.com/kikigaki/kikigaki/services/internal/ids"
)

// guard is the one guard of a tenant's keys: their names are one invariant.
func guard(tenant string) stream.Guard {
	return stream.NewGuard(subject.Keys, subject.KeyGuard(tenant))
}

// fact is an event on its way to the log: what happened, and to which key.
type fact struct {
	key   string
	event *eventv1.KeyEvent
}

func savedFact(k *eventv1.KeySaved) fact {
	return fact{k.GetId(), &eventv1.KeyEvent{Kind: &eventv1.KeyEvent_Saved{Saved: k}}}
}

// deletedFact takes the place of the sealed secret: of a key only the newest event is kept.
func deletedFact(k *eventv1.KeySaved) fact {
	deleted := &eventv1.KeyDeleted{Id: k.GetId(), Revision: k.GetRevision()}
	return fact{k.GetId(), &eventv1.KeyEvent{Kind: &eventv1.KeyEvent_Deleted{Deleted: deleted}}}
}

// commit takes a decision upon the tenant's newest keys and writes what it decides; the zero fact writes nothing.
func (s *Service) commit(
	ctx context.Context, c identity.Caller, decide func(*view.Tx, []*eventv1.KeySaved) (fact, error),
) (stream.Position, error) {
	return s.follower.Commit(ctx, guard(c.Tenant), ids.New("event"), func(tx *view.Tx) (*stream.Event, error) {
		all, err := readKeys(tx, c.Tenant)
		if err != nil {
			return nil, err
		}
		f, err := decide(tx, all)
		if err != nil || f.event == nil {
			return nil, err
		}
		f.event.Meta = &eventv1.Meta{At: timestamppb.New(time.Now()), By: c.Actor(), Service: Name}
		data, err := proto.Marshal(f.event)
		if err != nil {
			return nil, err
		}
		return &stream.Event{Subject: subject.Key(c.Tenant, f.key), Data: data}, nil
	})
}
