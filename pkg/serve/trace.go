package serve

import (
	"net/http"
	"strings"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/stats"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/kikigaki/kikigaki/pkg/telemetry"
)

// Tracing makes each call over a connection a span and a measurement of the service that opened it, and tells the other
// end which trace it belongs to. Give it to [Server.Dial] or [Connect].
func Tracing(scope telemetry.Scope) grpc.DialOption {
	return grpc.WithStatsHandler(otelgrpc.NewClientHandler(tracing(scope)...))
}

// traced is the server's side of Tracing.
func traced(scope telemetry.Scope) grpc.ServerOption {
	return grpc.StatsHandler(otelgrpc.NewServerHandler(tracing(scope)...))
}

func tracing(scope telemetry.Scope) []otelgrpc.Option {
	return []otelgrpc.Option{
		otelgrpc.WithTracerProvider(scope.TracerProvider()), otelgrpc.WithMeterProvider(scope.MeterProvider()),
		otelgrpc.WithPropagators(telemetry.Propagator()), otelgrpc.WithFilter(endsSoon),
	}
}

// endsSoon leaves out probes, which say nothing, and calls that are answered with a stream: those last for hours, so
// that their spans come too late to be of use and their durations drown all others.
func endsSoon(info *stats.RPCTagInfo) bool {
	service, method, _ := strings.Cut(strings.TrimPrefix(info.FullMethodName, "/"), "/")
	if service == healthv1.Health_ServiceDesc.ServiceName {
		return false
	}
	name := protoreflect.FullName(service).Append(protoreflect.Name(method))
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		return true
	}
	m, ok := found.(protoreflect.MethodDescriptor)
	return !ok || !m.IsStreamingServer()
}

// HTTPOption changes what [NewHTTP] makes.
type HTTPOption func(*HTTP)

// Traced makes each request a span and a measurement of a service, named after the route that it took. A request that
// comes with a traceparent joins that trace. Probes, scrapes, WebSockets and event streams are left out, as are the
// paths given: what lasts for hours would come too late to be of use. A path that ends with a slash stands for all below
// it; those are left out because a span costs as much as their answer, and a request of them that comes with a
// traceparent is one all the same.
//
// A span names the path that was asked for, with the ids in it, and never a query, a header of ours or a body.
func Traced(scope telemetry.Scope, except ...string) HTTPOption {
	wrap := otelhttp.NewMiddleware("http",
		otelhttp.WithTracerProvider(scope.TracerProvider()), otelhttp.WithMeterProvider(scope.MeterProvider()),
		otelhttp.WithPropagators(telemetry.Propagator()),
		otelhttp.WithFilter(func(r *http.Request) bool { return !lasting(r) && !excepted(r, except) }),
	)
	return func(h *HTTP) { h.around = func(next http.Handler) http.Handler { return wrap(routed(next)) } }
}

func excepted(r *http.Request, except []string) bool {
	for _, path := range except {
		if below := strings.HasSuffix(path, "/"); below && strings.HasPrefix(r.URL.Path, path) {
			return r.Header.Get("Traceparent") == ""
		} else if r.URL.Path == path {
			return true
		}
	}
	return false
}

// lasting tells requests that are no question, or whose answer has no end.
func lasting(r *http.Request) bool {
	switch r.URL.Path {
	case "/healthz", "/readyz", "/metrics":
		return true
	}
	return r.Header.Get("Upgrade") != "" || strings.Contains(r.Header.Get("Accept"), "text/event-stream")
}

// routed writes the route onto the span: it is known only after the mux has looked, which is behind us.
func routed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer noteRoute(r)
		next.ServeHTTP(w, r)
	})
}

func noteRoute(r *http.Request) {
	if i := strings.IndexByte(r.Pattern, '/'); i >= 0 { // behind the method and the host
		trace.SpanFromContext(r.Context()).SetAttributes(semconv.HTTPRoute(r.Pattern[i:]))
	}
}
