package keys

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
)

// Each change leaves one record in KIKIGAKI_AUDIT. A change and its record lie in two streams, which nothing writes at once:
// the change says what its record will, the record follows, and no key is changed again before its last change has its
// record, since only the newest event of a key is kept. Who dies in between has it written by another, within a minute.

// errUnrecorded says that a key's last change has no record yet.
var errUnrecorded = errors.New("keys: the last change has no record yet")

// Actions that change a key, as records name them behind "key.".
const (
	actionCreated  = "created"
	actionChanged  = "changed"
	actionRotated  = "rotated"
	actionResealed = "resealed"
	actionVerified = "verified"
	actionLimited  = "limited"
	actionDeleted  = "deleted"
)

// action is what a change does, where it does not say so itself.
func (f fact) action(now *eventv1.KeySaved) string {
	switch {
	case f.event.GetAction() != "":
		return f.event.GetAction()
	case f.event.GetDeleted() != nil:
		return actionDeleted
	case now == nil:
		return actionCreated
	case now.GetSecretVersion() != f.event.GetSaved().GetSecretVersion():
		return actionRotated
	}
	return actionChanged
}

// as names what a change does.
func (f fact) as(action string) fact {
	f.event.Action = action
	return f
}

// changed are the fields that are different from now on. A secret's is "secret", whatever it is that shows it.
func changed(now, next *eventv1.KeySaved) (names []string) {
	if now == nil || next == nil {
		return nil
	}
	before, after := now.ProtoReflect(), next.ProtoReflect()
	fields := after.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if before.Get(f).Equal(after.Get(f)) && before.Has(f) == after.Has(f) {
			continue
		}
		switch f.Name() {
		case "revision", "verified_at", "checked_at", "secret_hint", "sealed_secret", "sealed_before":
		case "secret_version":
			names = append(names, "secret")
		default:
			names = append(names, string(f.Name()))
		}
	}
	slices.Sort(names)
	return names
}

// applyChange remembers the newest change of a key, of which there has to be a record.
func applyChange(tx *view.Tx, tenant string, m stream.Message, event *eventv1.KeyEvent) error {
	record := &eventv1.AuditEvent{
		Meta: event.GetMeta(), Action: "key." + event.GetAction(), Changed: event.GetChanged(),
		Stream: m.Stream, Sequence: m.Sequence,
	}
	switch e := event.GetKind().(type) {
	case *eventv1.KeyEvent_Saved:
		record.ObjectId, record.ObjectName = e.Saved.GetId(), e.Saved.GetName()
	case *eventv1.KeyEvent_Deleted:
		record.ObjectId, record.ObjectName = e.Deleted.GetId(), e.Deleted.GetName()
	}
	if event.GetAction() == "" {
		return nil // written before changes were recorded
	}
	return put(tx, changeBucket, key(tenant, record.GetObjectId()), record)
}

// applyAudit remembers which change of a key has its record.
func applyAudit(tx *view.Tx, tenant, service string, m stream.Message) error {
	if service != Name {
		return nil
	}
	var record eventv1.AuditEvent
	if err := proto.Unmarshal(m.Data, &record); err != nil {
		return err
	}
	record.Meta, record.Changed, record.ObjectName = nil, nil, ""
	return put(tx, recordBucket, key(tenant, record.GetObjectId()), &record)
}

// unrecorded returns the first change of a tenant's keys, or with an id of one key, that has no record; nil when all have.
func unrecorded(tx *view.Tx, tenant, id string) (first *eventv1.AuditEvent, err error) {
	prefix := key(tenant, "")
	for k, value := range tx.Scan(changeBucket, prefix, nil) {
		var done eventv1.AuditEvent
		change := &eventv1.AuditEvent{}
		err := errors.Join(proto.Unmarshal(value, change), proto.Unmarshal(tx.Get(recordBucket, k), &done))
		if err != nil {
			return nil, fmt.Errorf("keys: view: %w", err)
		}
		if id != "" && change.GetObjectId() != id || done.GetSequence() >= change.GetSequence() {
			continue
		}
		if first == nil || change.GetSequence() < first.GetSequence() {
			first = change
		}
	}
	return first, nil
}

// auditAll writes the records that are missing.
func (s *Service) auditAll(ctx context.Context) {
	tenants := map[string]bool{}
	err := s.follower.Read(func(tx *view.Tx) error {
		for k := range tx.Scan(changeBucket, nil, nil) {
			tenants[tenantOf(k)] = true
		}
		return nil
	})
	for tenant := range tenants {
		err = errors.Join(err, s.audit(ctx, tenant))
	}
	if err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "records of changes could not be written and are tried again", "error", err)
	}
}

// recorded writes the records that are missing of a tenant's changes; what fails is done by [Service.auditAll] later.
func (s *Service) recorded(ctx context.Context, tenant string) {
	if err := s.audit(ctx, tenant); err != nil {
		s.log.WarnContext(ctx, "the record of a change is not written yet", "tenant", tenant, "error", err)
	}
}

// unrecordedFault is what a change ends with that has waited for the record of the one before it in vain.
func unrecordedFault() error {
	return fault.New(fault.Unavailable, "UNAVAILABLE", fault.Param("stream", "audit"), fault.Wrapping(errUnrecorded))
}
