package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

const (
	// exportTime bounds one delivery of spans, retries included.
	exportTime = 10 * time.Second
	// sayEvery is how often it is logged, at the most, that spans are lost.
	sayEvery = time.Minute
)

// ErrEndpoint says that an endpoint is not of the form http://host:port or https://host:port.
var ErrEndpoint = errors.New("telemetry: the endpoint has to be http://host:port or https://host:port")

// newExporter makes an exporter that connects when it first has something to deliver.
func newExporter(ctx context.Context, endpoint string, log *slog.Logger) (*exporter, error) {
	at, err := url.Parse(endpoint)
	if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
		return nil, fmt.Errorf("%w, not %q", ErrEndpoint, endpoint)
	}
	next, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(endpoint), otlptracegrpc.WithTimeout(exportTime))
	if err != nil {
		return nil, fmt.Errorf("telemetry: %w", err)
	}
	e := &exporter{next: next, log: log}
	e.run, e.cut = context.WithCancel(context.WithoutCancel(ctx))
	return e, nil
}

// exporter delivers spans. That it cannot is nobody's fault but the collector's: it is logged, once a minute at the
// most, and never an error for the library, which would tell a handler that is global to the process.
type exporter struct {
	next sdktrace.SpanExporter
	log  *slog.Logger
	run  context.Context //nolint:containedctx // ends deliveries from the outside
	cut  context.CancelFunc

	mu   sync.Mutex
	lost int
	said time.Time
}

// ExportSpans delivers spans or gives them up.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.run, cancel)() //nolint:contextcheck // two contexts end a delivery: the library's and ours
	if err := e.next.ExportSpans(ctx, spans); err != nil {
		e.say(ctx, len(spans), err)
	}
	return nil
}

func (e *exporter) say(ctx context.Context, lost int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lost += lost
	if !e.said.IsZero() && time.Since(e.said) < sayEvery {
		return
	}
	e.log.WarnContext(ctx, "spans could not be delivered", "lost", e.lost, "error", err)
	e.lost, e.said = 0, time.Now()
}

// Shutdown closes the connection.
func (e *exporter) Shutdown(ctx context.Context) error { return e.next.Shutdown(ctx) }
