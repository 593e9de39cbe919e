package keys

import (
	"context"

	"go.opentelemetry.io/otel/attribute"

	"github.com/kikigaki/kikigaki/pkg/telemetry"
	"github.com/kikigaki/kikigaki/pkg/view"
)

const library = "github.com/kikigaki/kikigaki/services/key-registry"

// underKey labels secrets: this, another or none, never which.
const underKey = attribute.Key("under")

// Where a secret lies: under the master key that this replica seals with, under one that it only opens with, or under one
// that it does not know.
const (
	underThis    = "this"
	underAnother = "another"
	underNone    = "none"
)

// measure counts secrets by the master key they lie under: by it an operator sees when the old one of two may be taken away.
// A replica that does not have all keys says nothing, since it would say that none lies under the old one.
func (s *Service) measure(ctx context.Context) {
	ctx = context.WithoutCancel(ctx) // it outlives the start
	m := telemetry.NewInstruments(s.scope.MeterProvider(), library)
	s.unmeasured = m.Gauge("kikigaki.keys.secrets", "{secret}", "Secrets, by the master key they are sealed under.",
		func(observe telemetry.Observe) {
			if s.follower.Ready(ctx) != nil {
				return
			}
			under, err := s.sealedUnder()
			if err != nil {
				return
			}
			for name, count := range under {
				observe(count, underKey.String(name))
			}
		})
	if err := m.Err(); err != nil {
		s.log.WarnContext(ctx, "something is not measured", "error", err)
	}
}

// sealedUnder counts secrets by where they lie.
func (s *Service) sealedUnder() (map[string]int64, error) {
	under := map[string]int64{underThis: 0, underAnother: 0, underNone: 0}
	err := s.follower.Read(func(tx *view.Tx) error {
		all, err := readAll(tx)
		for _, o := range all {
			under[s.liesUnder(o)]++
		}
		return err
	})
	return under, err
}

func (s *Service) liesUnder(o owned) string {
	sealed, at := o.key.GetSealedSecret(), bindingOf(o.tenant, o.key)
	if s.sealer.Outdated(sealed, at) {
		return underAnother
	}
	if _, err := s.sealer.Open(sealed, at); err != nil {
		return underNone
	}
	return underThis
}
