package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/kikigaki/kikigaki/pkg/telemetry"
	"github.com/kikigaki/kikigaki/pkg/telemetry/telemetrytest"
)

func TestSpansOfServicesInOneProcessArriveUnderTheirOwnNames(t *testing.T) {
	t.Parallel()
	c := collector(t)
	tel := begin(t, telemetry.Config{Endpoint: c.Endpoint(), Version: "1.2.3", Instance: "one"})
	ctx, outer := tel.For("console").TracerProvider().Tracer("test").Start(t.Context(), "ask")
	_, inner := tel.For("analysis-worker").TracerProvider().Tracer("test").Start(ctx, "answer")
	inner.End()
	outer.End()
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	spans := c.Spans() // all there once Shutdown has returned
	answer, ok := telemetrytest.Find(spans, "analysis-worker", "answer")
	if got := strings.Join(telemetrytest.Path(spans, answer), " > "); !ok || got != "console: ask > analysis-worker: answer" {
		t.Errorf("%s\n%s", got, telemetrytest.Tree(spans))
	}
	for key, want := range map[string]string{
		"service.name": "analysis-worker", "service.namespace": "kikigaki",
		"service.instance.id": "one", "service.version": "1.2.3",
	} {
		if answer.Resources[key] != want {
			t.Errorf("%s is %q, not %q", key, answer.Resources[key], want)
		}
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Errorf("the second time: %v", err)
	}
}

func TestWithoutAnEndpointASpanIsAnIDThatTravels(t *testing.T) {
	t.Parallel()
	tel := begin(t, telemetry.Config{})
	ctx, first := tel.For("console").TracerProvider().Tracer("test").Start(t.Context(), "ask")
	if first.IsRecording() || !first.SpanContext().IsValid() {
		t.Errorf("recording %t, ids %v", first.IsRecording(), first.SpanContext())
	}
	there := telemetry.Extract(context.Background(), telemetry.Inject(ctx))
	_, second := tel.For("analysis-worker").TracerProvider().Tracer("test").Start(there, "answer")
	if a, b := first.SpanContext(), second.SpanContext(); a.TraceID() != b.TraceID() || a.SpanID() == b.SpanID() {
		t.Errorf("%v became %v", a, b)
	}
}

func TestTheSamplerOfTheStandardEnvironmentIsHeeded(t *testing.T) {
	t.Setenv("OTEL_TRACES_SAMPLER", "always_off")
	c := collector(t)
	tel := begin(t, telemetry.Config{Endpoint: c.Endpoint()})
	_, span := tel.For("console").TracerProvider().Tracer("test").Start(t.Context(), "ask")
	if span.IsRecording() {
		t.Error("a span is recorded though the environment says none is to be")
	}
}

func TestTheZeroScopeObservesNothingAndPassesOnTheTrace(t *testing.T) {
	t.Parallel()
	var none *telemetry.Telemetry
	scope := none.For("console")
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	ctx, span := scope.TracerProvider().Tracer("test").Start(telemetry.Extract(t.Context(), parent), "ask")
	span.End()
	if got := telemetry.Inject(ctx); got != parent {
		t.Errorf("%q became %q", parent, got)
	}
	m := telemetry.NewInstruments(scope.MeterProvider(), "test")
	m.Counter("kikigaki.test.things", "{thing}", "Things.").Add(ctx, 1)
	if err := errors.Join(m.Err(), none.Shutdown(ctx)); err != nil {
		t.Error(err)
	}
}

func TestEndpointsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{"localhost:4317", "grpc://localhost:4317", "http://", "::", "/v1/traces"} {
		if _, err := telemetry.New(t.Context(), telemetry.Config{Endpoint: endpoint}); !errors.Is(err, telemetry.ErrEndpoint) {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

// many makes more spans than the queue holds, and returns how long that took.
func many(t *testing.T, tel *telemetry.Telemetry) time.Duration {
	t.Helper()
	tracer := tel.For("console").TracerProvider().Tracer("test")
	began := time.Now()
	for i := range 10_000 {
		_, span := tracer.Start(t.Context(), "ask", trace.WithAttributes(attribute.Int("n", i)))
		span.End()
	}
	return time.Since(began)
}

func TestACollectorThatHangsHoldsNothingUp(t *testing.T) {
	t.Parallel()
	c, err := telemetrytest.ListenAndHang(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	tel := begin(t, telemetry.Config{Endpoint: c.Endpoint()})
	if took := many(t, tel); took > 5*time.Second {
		t.Errorf("10,000 spans took %s", took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := tel.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stopping: %v", err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("stopping took %s", took)
	}
}

func TestACollectorThatIsNotThereIsLoggedAndNoError(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	log := &journal{}
	tel := begin(t, telemetry.Config{Endpoint: "http://" + address, Logger: logger(log)})
	many(t, tel)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_ = tel.Shutdown(ctx)
	for deadline := time.Now().Add(lasts); !strings.Contains(log.String(), "spans could not be delivered"); {
		if time.Now().After(deadline) {
			t.Fatalf("nothing of it is logged: %s", log)
		}
		<-time.After(time.Millisecond)
	}
}

func TestThatSpansAreLostIsLoggedOnceAMinute(t *testing.T) {
	t.Parallel()
	c, err := telemetrytest.ListenAndRefuse(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	log := &journal{}
	tel := begin(t, telemetry.Config{Endpoint: c.Endpoint(), Logger: logger(log)})
	many(t, tel) // several deliveries
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if n := strings.Count(log.String(), "spans could not be delivered"); n != 1 {
		t.Errorf("it is logged %d times: %s", n, log)
	}
}

func TestWhatAPanicSaysIsNotInItsSpan(t *testing.T) {
	t.Parallel()
	c := collector(t)
	tel := begin(t, telemetry.Config{Endpoint: c.Endpoint()})
	func() {
		defer func() { _ = recover() }()
		_, span := tel.For("console").TracerProvider().Tracer("test").Start(t.Context(), "ask")
		defer span.End()
		panic("sk-canary") //nolint:forbidigo // what becomes of it is tested
	}()
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if spans := c.Spans(); len(spans) != 1 || strings.Contains(fmt.Sprint(spans), "sk-canary") {
		t.Errorf("%+v", spans)
	}
}

func TestNobodyCanMakeASpanLarge(t *testing.T) {
	t.Parallel()
	c := collector(t)
	tel := begin(t, telemetry.Config{Endpoint: c.Endpoint()})
	_, span := tel.For("console").TracerProvider().Tracer("test").Start(t.Context(), "ask")
	span.SetAttributes(attribute.String("url.path", strings.Repeat("x", 60_000)))
	span.End()
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if spans := c.Spans(); len(spans) != 1 || len(spans[0].Text) > 2000 {
		t.Errorf("%+v", spans)
	}
}

func TestServicesInOneProcessShareAPageOfMetricsAndDoNotCollide(t *testing.T) {
	t.Parallel()
	tel := begin(t, telemetry.Config{Instance: "one"})
	for i, service := range []string{"console", "analysis-worker"} {
		m := telemetry.NewInstruments(tel.For(service).MeterProvider(), "test")
		m.Counter("kikigaki.test.things", "{thing}", "Things.").Add(t.Context(), int64(i+1))
		m.Level("kikigaki.test.open", "{thing}", "Open things.").Add(t.Context(), -3)
		m.Seconds("kikigaki.test.took", "How long.", .1, 1).Record(t.Context(), .5,
			metric.WithAttributes(attribute.String("kind", "a")))
		stop := m.Gauge("kikigaki.test.behind", "{thing}", "Things behind.",
			func(observe telemetry.Observe) { observe(7, attribute.String("stream", "S")) })
		defer stop()
		if err := m.Err(); err != nil {
			t.Fatal(err)
		}
	}
	has(t, page(t, tel.Handler()),
		`kikigaki_test_things_total{service_name="console"} 1`,
		`kikigaki_test_things_total{service_name="analysis-worker"} 2`,
		`kikigaki_test_open{service_name="console"} -3`,
		`kikigaki_test_took_seconds_bucket{kind="a",service_name="console",le="1"} 1`,
		`kikigaki_test_behind{service_name="analysis-worker",stream="S"} 7`,
		`target_info{`, `service_instance_id="one"`,
		"go_goroutines ", "process_open_fds ",
	)
	if tel.For("console") != tel.For("console") {
		t.Error("a service has two scopes")
	}
}

func TestAGaugeThatHasStoppedIsGone(t *testing.T) {
	t.Parallel()
	tel := begin(t, telemetry.Config{})
	m := telemetry.NewInstruments(tel.For("console").MeterProvider(), "test")
	stop := m.Gauge("kikigaki.test.behind", "{thing}", "Things behind.", func(observe telemetry.Observe) { observe(7) })
	has(t, page(t, tel.Handler()), "kikigaki_test_behind{")
	stop()
	if text := page(t, tel.Handler()); strings.Contains(text, "kikigaki_test_behind{") {
		t.Error(text)
	}
}

// The libraries label requests with what a client sent as Host: every stranger could make series without end.
func TestWhatClientsSendMakesNoSeries(t *testing.T) {
	t.Parallel()
	tel := begin(t, telemetry.Config{})
	m := telemetry.NewInstruments(tel.For("console").MeterProvider(), "test")
	took := m.Seconds("http.server.request.duration", "How long.", 1)
	for i := range 100 {
		took.Record(t.Context(), .5, metric.WithAttributes(
			attribute.String("server.address", fmt.Sprint(i)), attribute.String("http.route", "/r"),
			attribute.Int("http.response.status_code", 200), attribute.String("http.request.method", "GET")))
	}
	m.Seconds("http.server.request.body.size", "How large.", 1).Record(t.Context(), 1)
	text := page(t, tel.Handler())
	has(t, text, `http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="200",http_route="/r",service_name="console"} 100`)
	if strings.Contains(text, "server_address") || strings.Contains(text, "body_size") {
		t.Error(text)
	}
}
