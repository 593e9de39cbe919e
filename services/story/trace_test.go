package story_test

import (
	"context"
	"encoding/hex"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
)

// collector is what a platform's collector of traces is to us: an OTLP receiver, which keeps every span.
type collector struct {
	collectorv1.UnimplementedTraceServiceServer

	mu    sync.Mutex
	spans map[string]*span // by id
}

// span is a span and the service that made it.
type span struct {
	*tracev1.Span

	service string
}

func startCollector(t *testing.T) (*collector, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{spans: map[string]*span{}}
	server := grpc.NewServer()
	collectorv1.RegisterTraceServiceServer(server, c)
	done := make(chan struct{})
	go func() { _ = server.Serve(l); close(done) }()
	t.Cleanup(func() { server.Stop(); <-done })
	return c, "http://" + l.Addr().String()
}

// Export takes what a process delivers.
func (c *collector) Export(
	_ context.Context, req *collectorv1.ExportTraceServiceRequest,
) (*collectorv1.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range req.GetResourceSpans() {
		service := ""
		for _, a := range r.GetResource().GetAttributes() {
			if a.GetKey() == "service.name" {
				service = a.GetValue().GetStringValue()
			}
		}
		for _, scope := range r.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				c.spans[hex.EncodeToString(s.GetSpanId())] = &span{Span: s, service: service}
			}
		}
	}
	return &collectorv1.ExportTraceServiceResponse{}, nil
}

// of are the spans of a trace, by who made them and what for, each as the line from its root.
func (c *collector) of(trace string) (lines []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if hex.EncodeToString(s.GetTraceId()) == trace {
			lines = append(lines, c.line(s))
		}
	}
	slices.Sort(lines)
	return lines
}

func (c *collector) line(s *span) string {
	step := s.service + " " + s.GetName() + " (" +
		strings.ToLower(strings.TrimPrefix(s.GetKind().String(), "SPAN_KIND_")) + ")"
	if len(s.GetParentSpanId()) == 0 {
		return step
	}
	parent := c.spans[hex.EncodeToString(s.GetParentSpanId())]
	if parent == nil {
		return "… → " + step
	}
	return c.line(parent) + " → " + step
}

// One click is one trace, from the request of a browser to the screens that are told, through every service and over
// the log.
func TestOneAnalysisIsOneTrace(t *testing.T) { everyWay(t, oneAnalysisIsOneTrace, apart) }

func oneAnalysisIsOneTrace(s stage) {
	t, way := s.t, s.way
	c, at := startCollector(t)
	w := way.newWorld(t)
	for _, r := range w.replicas {
		r.env = append(r.env, "OTEL_EXPORTER_OTLP_ENDPOINT="+at, "OTEL_BSP_SCHEDULE_DELAY=200")
	}
	w.start()
	admin := w.logIn("admin", adminPassword)
	prompt := admin.prompt(admin.key(w.base), "about")
	admin.say("call", 0, "Good morning.", "My router is broken.")
	const trace = "0123456789abcdef0123456789abcdef"
	admin.trace = "00-" + trace + "-00f067aa0ba902b7-01"
	id := admin.analyse("call", prompt)
	admin.trace = ""
	if a := admin.finished(id); a.State != "completed" {
		t.Fatalf("%+v", a)
	}
	for _, want := range [][]string{
		{
			"console POST", "console kikigaki.analysis.v1.AnalysisService/RequestAnalyses (client)",
			"analysis-worker kikigaki.analysis.v1.AnalysisService/RequestAnalyses (server)",
			"analysis-worker append kikigaki.call (producer)", "analysis-worker analyse",
			"analysis-worker append kikigaki.call (producer)", "notification notify (consumer)",
		},
		{"analysis-worker analyse", "analysis-worker chat sim-large (client)"},
		{"analysis-worker analyse", "KeyService/ReleaseSecret (client)", "key-registry kikigaki.key.v1.KeyService/ReleaseSecret (server)"},
		{"analysis-worker analyse", "transcript-ingest kikigaki.transcript.v1.TranscriptService/GetTranscript (server)"},
	} {
		found := false
		for end := time.Now().Add(20 * time.Second); !found && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			found = slices.ContainsFunc(c.of(trace), func(line string) bool { return leads(line, want) })
		}
		if !found {
			t.Fatalf("no line of spans through %q; there are\n%s", want, strings.Join(c.of(trace), "\n"))
		}
	}
	for _, line := range c.of(trace) {
		t.Log(line)
	}
	w.stop()
	c.holdsNothingPrivate(t, "router is broken")
}

// leads tells whether a line of spans comes by some steps, in this order.
func leads(line string, steps []string) bool {
	for _, step := range steps {
		_, rest, ok := strings.Cut(line, step)
		if !ok {
			return false
		}
		line = rest
	}
	return true
}

// holdsNothingPrivate looks for the provider's key and for what was said in everything that was delivered.
func (c *collector) holdsNothingPrivate(t *testing.T, said string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if text := s.String(); strings.Contains(text, secret) || strings.Contains(text, said) {
			t.Errorf("a span tells too much: %s", text)
		}
	}
}
