package notify

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	notificationv1 "github.com/kikigaki/kikigaki/proto/kikigaki/notification/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// typeAlert begins the types of alerts.
const typeAlert = "alert."

// Alerts go to administrators alone. To each of them an alert is like a failure of what they asked for themselves: it stays
// until it is acknowledged, and it is never dropped by age.

// applyAlert keeps an alert.
func applyAlert(tx *view.Tx, tenant string, m stream.Message) error {
	var event eventv1.AlertEvent
	if err := proto.Unmarshal(m.Data, &event); err != nil {
		return err
	}
	at := event.GetMeta().GetAt()
	if at == nil {
		at = timestamppb.New(m.Time.UTC())
	}
	if err := tx.Put(alertBucket, keyAt(m.Sequence, tenant), []byte{1}); err != nil {
		return err
	}
	return put(tx, outcomeBucket, keyAt(m.Sequence, tenant), &notificationv1.Notification{
		Type: typeAlert + event.GetType(), Time: at, KeyId: event.GetKeyId(), KeyName: event.GetKeyName(),
		AlertParams: event.GetParams(),
	})
}

// alerts are those of a tenant above a sequence, ascending.
func (r reader) alerts(tenant string, sequence uint64) (list []own) {
	for k := range r.tx.Scan(alertBucket, prefix(tenant), keyAt(sequence+1, tenant)) {
		list = append(list, own{sequence: sequenceIn(k), failed: true})
	}
	return list
}

func (r reader) isAlert(tenant string, sequence uint64) bool {
	return r.tx.Get(alertBucket, keyAt(sequence, tenant)) != nil
}

// hearsAlerts tells whether alerts are for a caller.
func hearsAlerts(c identity.Caller) bool { return !c.IsService() && c.Role == identity.RoleSystemAdmin }

// withoutAlerts keeps alerts from a screen that they are not for.
func withoutAlerts(c identity.Caller, to screen) screen {
	if hearsAlerts(c) {
		return to
	}
	return discreet{to}
}

type discreet struct{ screen }

func (d discreet) tell(list []*outcome) error {
	var rest []*outcome
	for _, o := range list {
		if !strings.HasPrefix(o.note.GetType(), typeAlert) {
			rest = append(rest, o)
		}
	}
	if len(rest) == 0 {
		return nil
	}
	return d.screen.tell(rest)
}
