package notify

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

// decide says what an account has seen from now on. above are its own outcomes above the position it has; moved is
// false when there is nothing to write down.
type decide func(r reader, now seen, above []own) (next seen, moved bool, err error)

// commit takes a decision upon the newest that is known of what an account has seen, and writes what it decides.
func (s *Service) commit(ctx context.Context, c identity.Caller, d decide) (stream.Position, error) {
	at, incarnation := subject.SeenBy(c.Tenant, c.AccountID), s.incarnation()
	guard := stream.NewGuard(subject.Seen, at)
	return s.follower.Commit(ctx, guard, ids.New("event"), func(tx *view.Tx) (*stream.Event, error) {
		r := reader{tx: tx, incarnation: incarnation}
		now, err := r.seen(c.Tenant, c.AccountID)
		if err != nil {
			return nil, err
		}
		next, moved, err := d(r, now, r.ownOf(c, now.upTo))
		if err != nil || !moved {
			return nil, err
		}
		data, err := proto.Marshal(&eventv1.SeenEvent{
			Meta: &eventv1.Meta{At: timestamppb.New(time.Now()), By: c.Actor(), Service: Name},
			UpTo: next.upTo, OpenFailures: next.open, Acknowledged: next.acked, Incarnation: incarnation,
		})
		return &stream.Event{Subject: at, Data: data}, err
	})
}
