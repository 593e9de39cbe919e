package analysis

import (
	"context"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/kikigaki/kikigaki/pkg/telemetry"
	"github.com/kikigaki/kikigaki/services/internal/llm"
)

const library = "github.com/kikigaki/kikigaki/services/analysis-worker"

// Labels. None is an id: series have to stay few however many analyses there are.
const (
	stateKey    = attribute.Key("state")
	codeKey     = attribute.Key("code")
	priorityKey = attribute.Key("priority")
)

// meters is what is measured and traced of a replica. What it counts was done by this replica: the sum over replicas is
// what was done.
type meters struct {
	make         *telemetry.Instruments
	tracer       trace.Tracer
	provider     *llm.Observer
	ended        metric.Int64Counter
	queued, took metric.Float64Histogram
	err          error // what cannot be measured
}

func newMeters(scope telemetry.Scope) *meters {
	provider, err := llm.NewObserver(scope)
	m := telemetry.NewInstruments(scope.MeterProvider(), library)
	bounds := []float64{.1, .5, 1, 2, 5, 10, 20, 50, 100, 200, 400, 600, 1200, 3600}
	s := &meters{
		make: m, tracer: scope.TracerProvider().Tracer(library), provider: provider,
		ended: m.Counter("kikigaki.analyses.ended", "{analysis}", "Analyses that were ended, by how and why."),
		queued: m.Seconds("kikigaki.analyses.queue.duration",
			"From the request to the first start.", bounds...),
		took: m.Seconds("kikigaki.analyses.duration", "From the request to the end.", bounds...),
	}
	if s.err = err; err == nil {
		s.err = m.Err()
	}
	return s
}

// watch shows what the pool has before it until stop is called.
func (m *meters) watch(p *pool) (stop func()) {
	ends := []func(){
		m.make.Gauge("kikigaki.analyses.waiting", "{analysis}",
			"Analyses in line on the lanes of this replica; of those of one request the next alone.",
			func(observe telemetry.Observe) { waiting, _ := p.counts(); observe(int64(waiting)) }),
		m.make.Gauge("kikigaki.analyses.running", "{analysis}", "Analyses that this replica is running.",
			func(observe telemetry.Observe) { _, running := p.counts(); observe(int64(running)) }),
	}
	return func() {
		for _, end := range ends {
			end()
		}
	}
}

// began counts the time in line, once: a later start goes on with what has begun.
func (m *meters) began(ctx context.Context, r Record) {
	if r.Attempts == 1 && !r.Asked.IsZero() {
		m.queued.Record(ctx, time.Since(r.Asked).Seconds(), metric.WithAttributes(priorityKey.String(r.Priority)))
	}
}

// end counts an analysis that this replica has ended; code is why it failed, "" if it has not.
func (m *meters) end(ctx context.Context, r Record, state, code string) {
	m.ended.Add(ctx, 1, metric.WithAttributes(stateKey.String(state), codeKey.String(code)))
	if !r.Asked.IsZero() {
		m.took.Record(ctx, time.Since(r.Asked).Seconds(),
			metric.WithAttributes(stateKey.String(state), priorityKey.String(r.Priority)))
	}
	span := trace.SpanFromContext(ctx)
	span.SetAttributes(attribute.String("kikigaki.analysis.state", state))
	if code != "" {
		span.SetAttributes(semconv.ErrorTypeKey.String(code))
		span.SetStatus(codes.Error, "") // a code is enough: the provider's words may repeat the call's
	}
}

// analyse begins the span of one attempt. It goes on with the trace of the request; so does every later attempt, on
// whatever replica.
func (m *meters) analyse(ctx context.Context, j job) (context.Context, trace.Span) {
	return m.tracer.Start(ctx, "analyse", //nolint:spancheck // whoever leads the attempt ends it
		trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(attribute.String("kikigaki.analysis.id", j.id)))
}

// attempt says which attempt a span is of.
func attempt(ctx context.Context, r Record) {
	trace.SpanFromContext(ctx).SetAttributes(attribute.Int64("kikigaki.analysis.attempt", int64(r.Attempts)))
}

// about is what may be told of a question.
func (r Record) about() llm.About {
	return llm.About{
		Provider: r.Key.Kind, Prompt: r.Prompt.Name, Version: strconv.FormatUint(uint64(r.Prompt.Revision), 10),
	}
}
