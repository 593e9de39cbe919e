package follow

import (
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/kikigaki/kikigaki/pkg/telemetry"
)

// streamKey labels what is measured of one stream.
const streamKey = attribute.Key("stream")

// meters is what is measured of a follower. There is no span for a message: a rebuild applies millions.
type meters struct {
	make     *telemetry.Instruments
	applied  metric.Int64Counter
	rebuilds metric.Int64Counter
}

func newMeters(scope telemetry.Scope) meters {
	m := telemetry.NewInstruments(scope.MeterProvider(), "github.com/kikigaki/kikigaki/pkg/follow")
	return meters{
		make:     m,
		applied:  m.Counter("kikigaki.follow.applied", "{message}", "Messages that were applied to the view."),
		rebuilds: m.Counter("kikigaki.follow.rebuilds", "{rebuild}", "Views that were put aside and made anew."),
	}
}

// watch shows how far the view is behind until stop is called.
func (m meters) watch(sources map[string]*source) (stop func()) {
	return m.make.Gauge("kikigaki.follow.behind", "{message}", "Messages on the log that are not yet in the view.",
		func(observe telemetry.Observe) {
			for name, s := range sources {
				observe(s.lag.behind(), streamKey.String(name))
			}
		})
}

// lag is how far a view is behind one stream, as far as is known here: what the log has got since it was last heard of
// is not in it. The server says with each message how many lie behind it.
type lag struct{ delivered, applied, pending atomic.Uint64 }

func (l *lag) deliver(pending uint64) {
	l.delivered.Add(1)
	l.pending.Store(pending)
}

func (l *lag) behind() int64 {
	applied := l.applied.Load() // first: what is delivered meanwhile must not make it negative
	return int64(l.pending.Load() + l.delivered.Load() - applied)
}
