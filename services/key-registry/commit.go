package keys

import (
	"context"
	"errors"
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
	deleted := &eventv1.KeyDeleted{Id: k.GetId(), Revision: k.GetRevision(), Name: k.GetName()}
	return fact{k.GetId(), &eventv1.KeyEvent{Kind: &eventv1.KeyEvent_Deleted{Deleted: deleted}}}
}

// commit takes a decision upon the tenant's newest keys and writes what it decides; the zero fact writes nothing. A key's
// last change must have its record before the next one takes its place.
func (s *Service) commit(
	ctx context.Context, c identity.Caller, decide func(*view.Tx, []*eventv1.KeySaved) (fact, error),
) (pos stream.Position, err error) {
	eventID := ids.New("event")
	for range maxRecording {
		pos, err = s.follower.Commit(ctx, guard(c.Tenant), eventID, func(tx *view.Tx) (*stream.Event, error) {
			return s.decide(tx, c, decide)
		})
		if !errors.Is(err, errUnrecorded) {
			break
		}
		if err := s.audit(ctx, c.Tenant); err != nil {
			return nil, err
		}
	}
	if errors.Is(err, errUnrecorded) {
		return nil, unrecordedFault()
	}
	if err == nil {
		s.recorded(ctx, c.Tenant)
	}
	return pos, err
}

// maxRecording is how often a change waits for the record of the one before it.
const maxRecording = 8

func (s *Service) decide(
	tx *view.Tx, c identity.Caller, decide func(*view.Tx, []*eventv1.KeySaved) (fact, error),
) (*stream.Event, error) {
	all, err := readKeys(tx, c.Tenant)
	if err != nil {
		return nil, err
	}
	f, err := decide(tx, all)
	if err != nil || f.event == nil {
		return nil, err
	}
	if missing, err := unrecorded(tx, c.Tenant, f.key); err != nil || missing != nil {
		return nil, errors.Join(err, errUnrecorded)
	}
	now, _ := find(all, f.key)
	f.event.Action, f.event.Changed = f.action(now), changed(now, f.event.GetSaved())
	f.event.Meta = &eventv1.Meta{At: timestamppb.New(time.Now()), By: c.Actor(), Service: Name}
	data, err := proto.Marshal(f.event)
	if err != nil {
		return nil, err
	}
	return &stream.Event{Subject: subject.Key(c.Tenant, f.key), Data: data}, nil
}

// audit writes the records that are missing of a tenant's changes, in their order. Whether one is missing is decided upon
// all records there are, so that replicas that do it at once write each one once.
func (s *Service) audit(ctx context.Context, tenant string) error {
	for more := true; more; {
		g := stream.NewGuard(subject.Audit, subject.AuditBy(tenant, Name))
		_, err := s.follower.Commit(ctx, g, ids.New("event"), func(tx *view.Tx) (*stream.Event, error) {
			record, err := unrecorded(tx, tenant, "")
			if more = record != nil; err != nil || !more {
				return nil, err
			}
			data, err := proto.Marshal(record)
			return &stream.Event{Subject: subject.AuditBy(tenant, Name), Data: data}, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// raise writes an alert, unless it is there: nobody is told twice, whichever replica it was and however often it started
// anew.
func (s *Service) raise(ctx context.Context, o owned, a alert) error {
	at := subject.Alert(o.tenant, o.key.GetId(), a.name)
	data, err := proto.Marshal(&eventv1.AlertEvent{
		Meta: &eventv1.Meta{At: timestamppb.New(time.Now()), Service: Name},
		Type: a.typ, KeyId: o.key.GetId(), KeyName: o.key.GetName(), Params: a.params,
	})
	if err != nil {
		return err
	}
	_, err = s.facts.Append(ctx, stream.NewGuard(subject.Calls, at), 0, stream.Event{ID: at, Subject: at, Data: data})
	if conflict, ok := errors.AsType[*stream.Conflict](err); ok && !conflict.InFlight {
		return nil // told already
	}
	return err
}

// takeCheck takes the lease on asking about a key. It is not given back: it ends by itself.
func (s *Service) takeCheck(ctx context.Context, o owned) bool {
	at := subject.Lease("check-" + o.tenant + "-" + o.key.GetId())
	_, err := s.facts.Append(ctx, stream.NewGuard(subject.Leases, at), 0, stream.Event{
		ID: ids.New("lease"), Subject: at, Data: []byte(Name), TTL: checkLease,
	})
	return err == nil
}
