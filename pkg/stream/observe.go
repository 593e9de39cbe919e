package stream

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/kikigaki/kikigaki/pkg/telemetry"
)

// library names where spans and metrics of this package come from.
const library = "github.com/kikigaki/kikigaki/pkg/stream"

// observer measures and traces what is written.
type observer struct {
	tracer    trace.Tracer
	took      metric.Float64Histogram
	conflicts metric.Int64Counter
	err       error // what cannot be measured
}

func newObserver(scope telemetry.Scope) observer {
	m := telemetry.NewInstruments(scope.MeterProvider(), library)
	return observer{
		tracer: scope.TracerProvider().Tracer(library),
		took: m.Seconds("messaging.client.operation.duration", "How long the log took to acknowledge a write.",
			.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5),
		conflicts: m.Counter("kikigaki.log.conflicts", "{conflict}",
			"Writes that were refused because somebody else was first, or is about to be."),
		err: m.Err(),
	}
}

// append measures one write, of one event or a batch named after its first, and makes it a span of the trace that the context belongs to. Without one there is no span:
// what a service does by itself, such as renewing its leases, would fill the place of what people ask for.
func (o observer) append(ctx context.Context, operation, subject string, write func(context.Context) (uint64, error)) (uint64, error) {
	labels := []attribute.KeyValue{
		semconv.MessagingSystemKey.String("nats"), semconv.MessagingOperationName(operation),
		semconv.MessagingDestinationTemplate(template(subject)),
	}
	var span trace.Span
	if trace.SpanContextFromContext(ctx).IsValid() {
		ctx, span = o.tracer.Start(ctx, operation+" "+template(subject), trace.WithSpanKind(trace.SpanKindProducer),
			trace.WithAttributes(labels...), trace.WithAttributes(semconv.MessagingOperationTypeSend))
		defer span.End()
	}
	began := time.Now()
	seq, err := write(ctx)
	if err != nil {
		why := semconv.ErrorTypeKey.String(whyNot(err))
		labels = append(labels, why)
		o.refused(ctx, err, span, why, template(subject))
	}
	o.took.Record(ctx, time.Since(began).Seconds(), metric.WithAttributes(labels...))
	return seq, err
}

// refused counts a conflict and marks the span. A conflict is the ordinary end of a race and no failure.
func (o observer) refused(ctx context.Context, err error, span trace.Span, why attribute.KeyValue, template string) {
	_, lost := errors.AsType[*Conflict](err)
	if lost {
		o.conflicts.Add(ctx, 1, metric.WithAttributes(semconv.MessagingDestinationTemplate(template), why))
	}
	if span == nil {
		return
	}
	span.SetAttributes(why)
	if !lost {
		span.SetStatus(codes.Error, "")
	}
}

// whyNot is a short word for an error of a write.
func whyNot(err error) string {
	if conflict, ok := errors.AsType[*Conflict](err); ok {
		if conflict.InFlight {
			return "in_flight"
		}
		return "conflict"
	}
	if errors.Is(err, ErrUnknown) {
		return "unknown_outcome"
	}
	return "refused"
}

// template is what subjects of a kind have in common: their first two tokens. What follows are ids.
func template(subject string) string {
	first, rest, _ := strings.Cut(subject, ".")
	second, _, _ := strings.Cut(rest, ".")
	return first + "." + second
}
