package notify

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/telemetry"
)

const library = "github.com/kikigaki/kikigaki/services/notification"

// typeKey labels outcomes: analysis.completed and the like, never an id.
const typeKey = attribute.Key("type")

// meters is what is measured and traced of a replica. Each replica tells its own streams of everything.
type meters struct {
	tracer     trace.Tracer
	told       metric.Int64Counter
	delay      metric.Float64Histogram
	unmeasured func() // ends the gauge
	err        error  // what cannot be measured

	mu   sync.Mutex
	open map[string]int // streams, by tenant
}

func newMeters(scope telemetry.Scope) *meters {
	m := telemetry.NewInstruments(scope.MeterProvider(), library)
	s := &meters{
		tracer: scope.TracerProvider().Tracer(library), open: map[string]int{},
		told: m.Counter("kikigaki.notification.outcomes", "{outcome}", "Outcomes that open streams were told of, by type."),
		delay: m.Seconds("kikigaki.notification.delay", "From the outcome being on the log to streams being told.",
			.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2, 5, 10),
	}
	s.unmeasured = m.Gauge("kikigaki.notification.streams", "{stream}", "Event streams that are open, of all kinds.",
		func(observe telemetry.Observe) { observe(s.all()) })
	s.err = m.Err()
	return s
}

// enter counts a stream of a tenant in, and leave out again.
func (m *meters) enter(tenant string) (leave func()) {
	m.add(tenant, 1)
	return func() { m.add(tenant, -1) }
}

func (m *meters) add(tenant string, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.open[tenant] += n; m.open[tenant] == 0 {
		delete(m.open, tenant)
	}
}

func (m *meters) streams(tenant string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.open[tenant]
}

func (m *meters) all() (n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, streams := range m.open {
		n += int64(streams)
	}
	return n
}

// telling is an outcome on its way from the log to the streams. It goes on with the trace of the event, if that has one.
type telling struct {
	ctx     context.Context //nolint:containedctx // of a message, not of a request
	at      time.Time
	outcome *outcome
	span    trace.Span
}

func (m *meters) begin(message stream.Message, o *outcome) telling {
	t := telling{ctx: telemetry.Extract(context.Background(), message.Trace), at: message.Time, outcome: o}
	if trace.SpanContextFromContext(t.ctx).IsValid() {
		t.ctx, t.span = m.tracer.Start(t.ctx, "notify", trace.WithSpanKind(trace.SpanKindConsumer), //nolint:spancheck // end
			trace.WithAttributes(attribute.String("kikigaki.notification.type", o.note.GetType())))
	}
	return t
}

// end is called when the outcome is where all streams read it, and they are awake.
func (m *meters) end(t telling) {
	m.told.Add(t.ctx, 1, metric.WithAttributes(typeKey.String(t.outcome.note.GetType())))
	m.delay.Record(t.ctx, max(0, time.Since(t.at).Seconds()))
	if t.span != nil {
		t.span.SetAttributes(attribute.Int("kikigaki.notification.streams", m.streams(t.outcome.tenant)))
		t.span.End()
	}
}
