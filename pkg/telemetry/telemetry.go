package telemetry

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// namespace is what all services belong to.
const namespace = "kikigaki"

// Config says where spans go and who sends them. The zero value works: nothing is sent.
type Config struct {
	// Endpoint takes spans by OTLP over gRPC, as http://host:4317, or https:// for TLS. Without one nothing is sent, and
	// spans are only ids that travel with a request. The standard environment of the exporter and of the sampler
	// (OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_SAMPLER, OTEL_RESOURCE_ATTRIBUTES, …) is heeded beside it.
	Endpoint string
	// Version of the program; may be empty.
	Version string
	// Instance names this process among its like; "" makes a random name.
	Instance string
	// Logger; nil discards.
	Logger *slog.Logger
}

// Telemetry is a process's exporter and its page of metrics. It is safe for concurrent use. A nil Telemetry observes
// nothing.
type Telemetry struct {
	cfg      Config
	log      *slog.Logger
	registry *prometheus.Registry
	exporter *exporter              // nil without an endpoint
	batches  sdktrace.SpanProcessor // nil without an endpoint

	mu     sync.Mutex
	scopes map[string]Scope
}

// New makes a process's telemetry. It connects to nothing yet; an endpoint that is down is no error, then or later.
// [ErrEndpoint] for one that cannot be. The caller calls Shutdown.
func New(ctx context.Context, cfg Config) (*Telemetry, error) {
	t := &Telemetry{cfg: cfg, log: cfg.Logger, registry: newRegistry(), scopes: map[string]Scope{}}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	if t.cfg.Instance == "" {
		t.cfg.Instance = rand.Text()
	}
	if cfg.Endpoint == "" {
		return t, nil
	}
	var err error
	if t.exporter, err = newExporter(ctx, cfg.Endpoint, t.log); err != nil {
		return nil, err
	}
	// What does not fit into the queue is dropped: a request never waits for the collector.
	t.batches = sdktrace.NewBatchSpanProcessor(t.exporter, sdktrace.WithExportTimeout(exportTime))
	return t, nil
}

// For is what a service is observed with; the same again for the same name. Names must be few: each has its series.
func (t *Telemetry) For(service string) Scope {
	if t == nil {
		return Scope{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if s, ok := t.scopes[service]; ok {
		return s
	}
	who := t.resource(service)
	s := Scope{Tracer: sdktrace.NewTracerProvider(t.tracing(who)...)}
	if meters, err := newMeters(t.registry, who); err != nil {
		t.log.Error("a service is not measured", "service", service, "error", err)
	} else {
		s.Meter = meters
	}
	t.scopes[service] = s
	return s
}

func (t *Telemetry) tracing(who *resource.Resource) []sdktrace.TracerProviderOption {
	opts := []sdktrace.TracerProviderOption{
		sdktrace.WithResource(who),
		sdktrace.WithoutPanicRecording(), // what a panic says may hold anything
		sdktrace.WithRawSpanLimits(limits()),
	}
	if t.batches == nil {
		return append(opts, sdktrace.WithSampler(sdktrace.NeverSample())) // ids alone, which travel and are logged
	}
	return append(opts, sdktrace.WithSpanProcessor(t.batches))
}

// longest is how much of an attribute is kept, in characters: clients and providers choose what some of them say.
const longest = 1024

// limits are the standard ones, or those of the environment, but for attributes without end.
func limits() sdktrace.SpanLimits {
	l := sdktrace.NewSpanLimits()
	if l.AttributeValueLengthLimit < 0 {
		l.AttributeValueLengthLimit = longest
	}
	return l
}

func (t *Telemetry) resource(service string) *resource.Resource {
	attrs := []attribute.KeyValue{
		semconv.ServiceName(service), semconv.ServiceNamespace(namespace), semconv.ServiceInstanceID(t.cfg.Instance),
		semconv.TelemetrySDKName("opentelemetry"), semconv.TelemetrySDKLanguageGo,
		semconv.TelemetrySDKVersion(sdk.Version()),
	}
	if t.cfg.Version != "" {
		attrs = append(attrs, semconv.ServiceVersion(t.cfg.Version))
	}
	return resource.NewSchemaless(attrs...)
}

// Shutdown delivers what is not delivered yet and closes the connection, as far as the context allows; the error is then
// the context's. Spans that end later are dropped. It is safe twice.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	if t == nil || t.batches == nil {
		return nil
	}
	defer t.exporter.cut()
	defer context.AfterFunc(ctx, t.exporter.cut)()
	if err := t.batches.Shutdown(ctx); err != nil {
		return errors.Join(errors.New("telemetry: not all spans could be delivered"), err)
	}
	return nil
}
