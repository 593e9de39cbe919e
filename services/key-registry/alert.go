package keys

import (
	"context"
	"fmt"
	"time"

	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
)

// Types of alerts, as events and screens name them.
const (
	alertRevoked     = "key_revoked"
	alertOutOfCredit = "key_out_of_credit" //nolint:gosec // a type, no credential
	alertRefused     = "key_refused"
	alertShutdown    = "model_shutdown"
)

// alert is something that administrators have to see to. What is alike has one name, and is told once.
type alert struct {
	name   string
	typ    string
	params map[string]string
}

// shutdownWarnings are how many days before a model ends it is told, the last first.
func shutdownWarnings() []int { return []int{7, 30, 90} }

// alertsOf are the alerts that a key gives rise to at a time: that the provider refuses it, named by when that began, and
// that its model ends, named by the day and by the nearest of 90, 30 and 7 days that has come. A key that is saved 20 days
// before its model ends is told of once, not for each day that has passed.
func alertsOf(k *eventv1.KeySaved, now time.Time) (list []alert) {
	if r := k.GetRefused(); r != nil {
		typ := refusalType(r)
		list = append(list, alert{
			name: fmt.Sprintf("%s-%d", typ, r.GetAt().AsTime().Unix()), typ: typ,
			params: map[string]string{"model": k.GetModel()},
		})
	}
	if k.GetShutdownDate() == nil {
		return list
	}
	end := k.GetShutdownDate().AsTime()
	for _, days := range shutdownWarnings() {
		if left := end.Sub(now); left > 0 && left <= time.Duration(days)*24*time.Hour {
			date := end.UTC().Format(time.DateOnly)
			return append(list, alert{
				name: fmt.Sprintf("%s-%d-%s", alertShutdown, days, date), typ: alertShutdown,
				params: map[string]string{"model": k.GetModel(), "date": date, "days": fmt.Sprint(days)},
			})
		}
	}
	return list
}

// refusalType sorts a provider's no: nothing left to spend, a secret that is not accepted any more, or another field.
func refusalType(r *eventv1.KeyRefusal) string {
	switch {
	case r.GetReason() == reasonCredit:
		return alertOutOfCredit
	case r.GetField() == "secret":
		return alertRevoked
	}
	return alertRefused
}

// alertAll tells of what administrators have to see to. told is what this replica knows to be told, so that it asks the log
// about each alert once; the log knows for all replicas and for ever.
func (s *Service) alertAll(told map[string]bool) func(context.Context) {
	return func(ctx context.Context) {
		var all []owned
		err := s.follower.Read(func(tx *view.Tx) (err error) { all, err = readAll(tx); return err })
		if err != nil {
			s.log.ErrorContext(ctx, "alerts cannot be looked for", "error", err)
			return
		}
		for _, o := range all {
			for _, a := range alertsOf(o.key, time.Now()) {
				which := o.tenant + "\x00" + o.key.GetId() + "\x00" + a.name
				if told[which] {
					continue
				}
				if err := s.raise(ctx, o, a); err != nil {
					s.log.WarnContext(ctx, "an alert could not be told and is tried again",
						"tenant", o.tenant, "key", o.key.GetId(), "type", a.typ, "error", err)
					continue
				}
				told[which] = true
			}
		}
	}
}
