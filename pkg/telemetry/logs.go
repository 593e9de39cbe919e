package telemetry

import (
	"context"
	"log/slog"
	"slices"

	"go.opentelemetry.io/otel/trace"
)

// Logs makes a handler that adds trace_id and span_id to every record that is logged under a span, at the top level
// whatever groups are open, so that all lines of one request are found by one word.
func Logs(next slog.Handler) slog.Handler { return &logs{top: next, next: next} }

// logs keeps, beside the handler that it writes to, the one before the first group was opened and what has been asked
// of it since: the ids must be added there, or they would lie within the group.
type logs struct {
	top, next slog.Handler
	since     []func(slog.Handler) slog.Handler // nil while no group is open
}

// Enabled asks the handler beneath.
func (l *logs) Enabled(ctx context.Context, level slog.Level) bool { return l.next.Enabled(ctx, level) }

// Handle writes a record with the ids of its context.
func (l *logs) Handle(ctx context.Context, r slog.Record) error {
	span := trace.SpanContextFromContext(ctx)
	if !span.IsValid() {
		return l.next.Handle(ctx, r)
	}
	ids := []slog.Attr{
		slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()),
	}
	if l.since == nil {
		r = r.Clone()
		r.AddAttrs(ids...)
		return l.next.Handle(ctx, r)
	}
	h := l.top.WithAttrs(ids)
	for _, again := range l.since {
		h = again(h)
	}
	return h.Handle(ctx, r)
}

// WithAttrs adds attributes to every record.
func (l *logs) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return l
	}
	return l.and(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) }, l.since != nil)
}

// WithGroup puts what follows into a group.
func (l *logs) WithGroup(name string) slog.Handler {
	if name == "" {
		return l
	}
	return l.and(func(h slog.Handler) slog.Handler { return h.WithGroup(name) }, true)
}

func (l *logs) and(change func(slog.Handler) slog.Handler, grouped bool) slog.Handler {
	next := change(l.next)
	if !grouped {
		return &logs{top: next, next: next}
	}
	return &logs{top: l.top, next: next, since: append(slices.Clone(l.since), change)}
}
