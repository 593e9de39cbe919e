package keys

import (
	"context"
	"time"

	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
)

// NormalURL is normalURL, for its table.
func NormalURL(text string) (string, error) { return normalURL(text) }

// Alerts are the names of the alerts that a key gives rise to.
func Alerts(k *eventv1.KeySaved, now time.Time) (names []string) {
	for _, a := range alertsOf(k, now) {
		names = append(names, a.name)
	}
	return names
}

// DailyChecks runs what replicas do to ask about keys every day, until stop: keys are all there are, take and check as in
// checks.
func DailyChecks(
	ctx context.Context, keys func() []*eventv1.KeySaved, take func(id string) bool, check func(id string),
) (stop func()) {
	u := &upkeep{ready: func(context.Context) error { return nil }, duties: []func(context.Context){checks{
		keys: func() (all []owned, err error) {
			for _, k := range keys() {
				all = append(all, owned{"a", k})
			}
			return all, nil
		},
		take:  func(_ context.Context, o owned) bool { return take(o.key.GetId()) },
		check: func(_ context.Context, o owned) error { check(o.key.GetId()); return nil },
	}.round}}
	u.start(ctx)
	return u.stop
}

// SealedUnder counts a replica's secrets by the master key they lie under.
func (s *Service) SealedUnder() map[string]int64 {
	under, err := s.sealedUnder()
	if err != nil {
		return nil
	}
	return under
}

// ResealAll seals anew what is to be, as a replica does every minute.
func (s *Service) ResealAll(ctx context.Context) { s.resealAll(ctx) }
