package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	notificationv1 "github.com/kikigaki/kikigaki/proto/kikigaki/notification/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
)

// apply brings the view up to one message. Kinds it does not know, of a newer version, change nothing.
func apply(tx *view.Tx, m stream.Message) error {
	noun, tenant, rest, ok := subject.Parse(m.Subject)
	if !ok {
		return fmt.Errorf("notify: foreign subject %q", m.Subject)
	}
	switch {
	case noun == subject.NounSeen:
		return tx.Put(seenBucket, key(tenant, rest[0]), m.Data)
	case noun == subject.NounCall && len(rest) == 3 && concerns(rest[2]):
		return applyCall(tx, tenant, rest[0], m)
	case noun == subject.NounAlert:
		return applyAlert(tx, tenant, m)
	}
	return nil
}

// concerns tells by the kind alone whether an event matters here: most do not, and some of those are large.
func concerns(kind string) bool {
	switch kind {
	case subject.KindOpened, subject.KindChanged, subject.KindDeleted:
		return true
	}
	return tells(kind)
}

// tells says which kinds of events are outcomes.
func tells(kind string) bool {
	switch kind {
	case subject.KindCompleted, subject.KindFailed, subject.KindCancelled, subject.KindEnded, subject.KindErased:
		return true
	}
	return false
}

func applyCall(tx *view.Tx, tenant, call string, m stream.Message) error {
	var event eventv1.CallEvent
	if err := proto.Unmarshal(m.Data, &event); err != nil {
		return err
	}
	c := change{tx: tx, tenant: tenant, call: call, sequence: m.Sequence, at: timeOf(&event, m)}
	switch e := event.GetKind().(type) {
	case *eventv1.CallEvent_Opened:
		return c.learn(e.Opened.GetInfo())
	case *eventv1.CallEvent_Changed:
		if tx.Get(callBucket, key(tenant, c.call)) == nil {
			return nil // the call has ended: what is told of it from here on carries its own facts
		}
		return c.learn(e.Changed.GetInfo())
	case *eventv1.CallEvent_Ended:
		return c.end()
	case *eventv1.CallEvent_Erased:
		return errors.Join(c.erase(), c.forget(event.GetMeta().GetBy() != nil))
	case *eventv1.CallEvent_Completed:
		return c.finish(e.Completed.GetOutcome(), &notificationv1.Notification{Type: typeCompleted})
	case *eventv1.CallEvent_Cancelled:
		return c.finish(e.Cancelled.GetOutcome(), &notificationv1.Notification{Type: typeCancelled})
	case *eventv1.CallEvent_Failed:
		return c.finish(e.Failed.GetOutcome(), &notificationv1.Notification{
			Type: typeFailed, ErrorCode: e.Failed.GetCode(), ErrorParams: e.Failed.GetParams(),
		})
	case *eventv1.CallEvent_Deleted:
		return errors.Join(c.drop(e.Deleted.GetAnalysisId()), c.forget(true))
	}
	return nil
}

// timeOf is when an event was decided; when it was stored where it does not say.
func timeOf(e *eventv1.CallEvent, m stream.Message) time.Time {
	if at := e.GetMeta().GetAt(); at != nil {
		return at.AsTime()
	}
	return m.Time.UTC()
}

// applied hands what a batch brought to all open streams. It takes the outcomes from the view, so that a stream hears
// the same whether it reads the view or the ring; one that was deleted within the batch is told to nobody.
func (s *Service) applied(batch []stream.Message) {
	if batch[0].Stream != subject.Calls {
		return
	}
	// What a replica reads of old history when it starts, or makes its view anew, nobody is told of: it has long been.
	live := s.follower.Ready(context.Background()) == nil
	var list []*outcome
	var tellings []telling
	err := s.read(func(r reader) error {
		for _, m := range batch {
			noun, tenant, rest, ok := subject.Parse(m.Subject)
			alerts := noun == subject.NounAlert
			if !ok || !alerts && (len(rest) != 3 || !tells(rest[2])) {
				continue
			}
			if !alerts && rest[2] == subject.KindErased {
				s.ring.forget(tenant, rest[0])
			}
			o, err := r.outcome(tenant, m.Sequence)
			if err != nil {
				return err
			}
			if o == nil {
				continue
			}
			list = append(list, o)
			if live {
				tellings = append(tellings, s.meters.begin(m, o))
			}
		}
		return nil
	})
	if err != nil {
		s.log.Error("outcomes could not be told", "error", err)
	}
	if len(list) > 0 {
		s.ring.append(list)
	}
	for _, t := range tellings {
		s.meters.end(t)
	}
}

// put stores a message deterministically, so that equal states have equal sums.
func put(tx *view.Tx, bucket string, k []byte, m proto.Message) error {
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return err
	}
	return tx.Put(bucket, k, value)
}
