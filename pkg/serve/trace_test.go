package serve_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/serve"
	"github.com/kikigaki/kikigaki/pkg/telemetry"
	"github.com/kikigaki/kikigaki/pkg/telemetry/telemetrytest"
)

// watched is telemetry and what its spans arrive at.
type watched struct {
	*telemetry.Telemetry

	collector *telemetrytest.Collector
}

func watch(t *testing.T) watched {
	t.Helper()
	c, err := telemetrytest.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	tel, err := telemetry.New(t.Context(), telemetry.Config{Endpoint: c.Endpoint()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	return watched{tel, c}
}

// spans ends telemetry and returns all that it has sent.
func (w watched) spans(t *testing.T) []telemetrytest.Span {
	t.Helper()
	if err := w.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w.collector.Spans()
}

// site serves a handler under the name "console".
func (w watched) site(t *testing.T, h http.Handler, except ...string) (string, *http.Client) {
	t.Helper()
	log := &journal{}
	server := serve.NewHTTP(h, log.logger(), serve.Traced(w.For("console"), except...))
	addr, err := server.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = server.Stop(ctx)
	})
	return "http://" + addr.String(), &http.Client{Transport: transport}
}

// peer is a gRPC server of a service, with an in-memory connection that another service has opened to it.
func (w watched) peer(t *testing.T, service, from string, answer unary) *grpc.ClientConn {
	t.Helper()
	server := serve.New(serve.Config{Telemetry: w.For(service)})
	server.GRPC().RegisterService(echo(answer, nil), new(any))
	conn, err := server.Dial(from, serve.Tracing(w.For(from)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(); _ = server.Stop(context.Background()) })
	return conn
}

func TestOneTraceGoesOverHTTPAndTwoServers(t *testing.T) {
	t.Parallel()
	w := watch(t)
	last := w.peer(t, "key-registry", "analysis-worker", func(_ context.Context, in string) (string, error) { return in, nil })
	first := w.peer(t, "analysis-worker", "console", func(ctx context.Context, in string) (string, error) {
		return call(ctx, last, in)
	})
	mux := http.NewServeMux()
	mux.HandleFunc("POST /calls/{call}/analyses", func(out http.ResponseWriter, r *http.Request) {
		text, err := call(r.Context(), first, "in")
		if err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(out, text)
	})
	url, client := w.site(t, mux)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/calls/c-17/analyses?q=secret", strings.NewReader("secret"))
	if err != nil {
		t.Fatal(err)
	}
	const caller = "0af7651916cd43dd8448eb211c80319c"
	req.Header.Set("Traceparent", "00-"+caller+"-b7ad6b7169203331-01")
	req.Header.Set("Authorization", "Bearer secret")
	res, err := client.Do(req)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(res, err)
	}
	_ = res.Body.Close()

	spans := w.spans(t)
	leaf, ok := telemetrytest.Find(spans, "key-registry", "test.Echo/Unary")
	want := "? > console: POST /calls/{call}/analyses > console: test.Echo/Unary > analysis-worker: test.Echo/Unary > " +
		"analysis-worker: test.Echo/Unary > key-registry: test.Echo/Unary"
	if got := strings.Join(telemetrytest.Path(spans, leaf), " > "); !ok || got != want {
		t.Errorf("%s\n%s", got, telemetrytest.Tree(spans))
	}
	if leaf.Trace != caller {
		t.Errorf("the trace is %s, the caller's %s", leaf.Trace, caller)
	}
	top, _ := telemetrytest.Find(spans, "console", "POST /calls/{call}/analyses")
	if top.Attributes["http.route"] != "/calls/{call}/analyses" || top.Attributes["http.response.status_code"] != "200" {
		t.Errorf("%v", top.Attributes)
	}
	if text := fmt.Sprint(spans); strings.Contains(text, "secret") {
		t.Errorf("a credential, a query or a body is in %s", text)
	}
	text := telemetrytest.Scrape(t.Context(), w.Handler())
	for _, line := range []string{
		`http_server_request_duration_seconds_count{http_request_method="POST",http_response_status_code="200",http_route="/calls/{call}/analyses",service_name="console"} 1`,
		`rpc_server_call_duration_seconds_count{rpc_method="test.Echo/Unary",rpc_response_status_code="OK",service_name="key-registry"} 1`,
		`rpc_client_call_duration_seconds_count{rpc_method="test.Echo/Unary",rpc_response_status_code="OK",service_name="analysis-worker"} 1`,
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
}

func TestWhatFailsIsShownAndWhyIsNotTold(t *testing.T) {
	t.Parallel()
	w := watch(t)
	conn := w.peer(t, "key-registry", "console", func(context.Context, string) (string, error) {
		return "", fault.New(fault.Unavailable, "UNAVAILABLE", fault.Param("key", "sk-canary"), fault.Wrapping(io.ErrUnexpectedEOF))
	})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /bad", func(http.ResponseWriter, *http.Request) { explode() })
	mux.HandleFunc("GET /rpc", func(out http.ResponseWriter, r *http.Request) {
		_, err := call(r.Context(), conn, "in")
		if !fault.Is(err, "UNAVAILABLE") {
			t.Error(err)
		}
		out.WriteHeader(http.StatusServiceUnavailable)
	})
	url, client := w.site(t, mux)
	for _, path := range []string{"/bad", "/rpc", "/none"} {
		if _, err := get(t, client, url+path); err != nil {
			t.Fatal(err)
		}
	}
	spans := w.spans(t)
	for name, failed := range map[string]bool{"GET /bad": true, "GET /rpc": true, "GET": false, "test.Echo/Unary": true} {
		if s, ok := telemetrytest.Find(spans, "", name); !ok || s.Failed != failed {
			t.Errorf("%s failed: %t, want %t\n%s", name, s.Failed, failed, telemetrytest.Tree(spans))
		}
	}
	if s, _ := telemetrytest.Find(spans, "", "GET /bad"); s.Attributes["http.response.status_code"] != "500" {
		t.Errorf("a panic is shown as %v", s.Attributes)
	}
	if text := fmt.Sprint(spans); strings.Contains(text, "the secret reason") || strings.Contains(text, "sk-canary") {
		t.Error(text)
	}
}

func TestProbesScrapesAndStreamsAreNotTraced(t *testing.T) {
	t.Parallel()
	w := watch(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(out, "data: 1\n\n")
		if err := http.NewResponseController(out).Flush(); err != nil {
			t.Error(err)
		}
	})
	url, client := w.site(t, mux, "/stream")
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/stream", "/accepts"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if path == "/accepts" {
			req.Header.Set("Accept", "text/event-stream")
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	server := serve.New(serve.Config{Telemetry: w.For("console")})
	conn, err := server.Dial("console", serve.Tracing(w.For("console")))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(); _ = server.Stop(context.Background()) }()
	if _, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{}); err != nil {
		t.Fatal(err)
	}
	if spans := w.spans(t); len(spans) != 0 {
		t.Error(telemetrytest.Tree(spans))
	}
}

func TestATracedAnswerStillStreamsAndHandsItsConnectionOver(t *testing.T) {
	t.Parallel()
	w := watch(t)
	mux := http.NewServeMux()
	more := make(chan struct{})
	mux.HandleFunc("GET /flushed", func(out http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(out, "first\n")
		out.(http.Flusher).Flush()
		if err := http.NewResponseController(out).SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Error(err)
		}
		<-more
	})
	mux.HandleFunc("GET /hijacked", func(out http.ResponseWriter, _ *http.Request) {
		conn, _, err := out.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nours")
		_ = conn.Close()
	})
	url, client := w.site(t, mux)
	res, err := client.Get(url + "/flushed")
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(res.Body).ReadString('\n'); line != "first\n" {
		t.Errorf("%q, %v", line, err)
	}
	close(more)
	_ = res.Body.Close()
	if got, err := get(t, client, url+"/hijacked"); err != nil || got.body != "ours" {
		t.Errorf("%+v, %v", got, err)
	}
}

// A service that is not observed itself must not break the trace of those that are.
func TestAnUnobservedServicePassesTheTraceOn(t *testing.T) {
	t.Parallel()
	var came trace.SpanContext
	server := serve.New(serve.Config{})
	server.GRPC().RegisterService(echo(func(ctx context.Context, in string) (string, error) {
		came = trace.SpanContextFromContext(ctx)
		return in, nil
	}, nil), new(any))
	conn, err := server.Dial("console", serve.Tracing(telemetry.Scope{}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(); _ = server.Stop(context.Background()) }()
	ctx := telemetry.Extract(t.Context(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if err := conn.Invoke(ctx, unaryMethod, wrapperspb.String("x"), new(wrapperspb.StringValue)); err != nil {
		t.Fatal(err)
	}
	if came.TraceID().String() != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("%v", came)
	}
}

func TestWhatLiesBelowAnExceptedPathIsTracedForWhoBringsATrace(t *testing.T) {
	t.Parallel()
	w := watch(t)
	url, client := w.site(t, http.NotFoundHandler(), "/quick/")
	for path, parent := range map[string]string{
		"/quick/one": "", "/quick/two": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "/quickly": "",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if parent != "" {
			req.Header.Set("Traceparent", parent)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	if spans := w.spans(t); len(spans) != 2 {
		t.Error(telemetrytest.Tree(spans))
	}
}
