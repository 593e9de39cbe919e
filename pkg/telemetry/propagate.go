package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
)

// traceparent is the name under which a trace travels, lower case as in the standard: names of headers on the log are
// told apart by their case.
const traceparent = "traceparent"

// Inject writes down the trace and span of a context as a W3C traceparent; "" when it has none.
func Inject(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier[traceparent]
}

// Extract makes a context whose next span is a child of the span that a W3C traceparent names. What is not exactly one,
// "" included, leaves the context as it is: it may come from strangers.
func Extract(ctx context.Context, parent string) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{traceparent: parent})
}

// Propagator carries traces from process to process: W3C trace context and nothing else, since baggage of strangers
// would be carried to wherever we call.
func Propagator() propagation.TextMapPropagator { return propagation.TraceContext{} }
