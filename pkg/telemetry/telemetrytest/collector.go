// Package telemetrytest takes spans as a collector would, so that tests read what really left the process.
package telemetrytest

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"

	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"
)

// Span is a span as it arrived. Ids are in hexadecimal.
type Span struct {
	// Service that made the span, and the span's name.
	Service, Name string
	// Trace that it belongs to, its own id in it, and its parent's, "" for the first of a trace.
	Trace, ID, Parent string
	// Kind of span: what is asked, answered, sent, received, or done inside.
	Kind tracev1.Span_SpanKind
	// Failed is set when the span's status is an error.
	Failed bool
	// Attributes of the span, and Resources of the service that made it.
	Attributes, Resources map[string]string
	// Links are the ids of spans that it names without being their child.
	Links []string
	// Text is the whole span, to look for what must not be in it.
	Text string
}

// Collector is a real OTLP receiver on a loopback address.
type Collector struct {
	collectorv1.UnimplementedTraceServiceServer

	server   *grpc.Server
	listener net.Listener
	done     sync.WaitGroup
	manner   manner
	stopped  chan struct{}

	mu    sync.Mutex
	spans []Span
	moved chan struct{} // closed and replaced when spans arrive
}

// manner is how a collector answers.
type manner int

const (
	taking manner = iota
	hanging
	refusing
)

// Listen starts a collector. Stop it.
func Listen(ctx context.Context) (*Collector, error) { return listen(ctx, taking) }

// ListenAndHang starts a collector that takes connections and requests, and never answers.
func ListenAndHang(ctx context.Context) (*Collector, error) { return listen(ctx, hanging) }

// ListenAndRefuse starts a collector that refuses everything for good.
func ListenAndRefuse(ctx context.Context) (*Collector, error) { return listen(ctx, refusing) }

func listen(ctx context.Context, how manner) (*Collector, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &Collector{
		server: grpc.NewServer(), listener: l, manner: how, stopped: make(chan struct{}), moved: make(chan struct{}),
	}
	collectorv1.RegisterTraceServiceServer(c.server, c)
	c.done.Go(func() { _ = c.server.Serve(l) })
	return c, nil
}

// Endpoint is where it listens, as an OTLP endpoint.
func (c *Collector) Endpoint() string { return "http://" + c.listener.Addr().String() }

// Stop ends it.
func (c *Collector) Stop() {
	close(c.stopped)
	c.server.Stop()
	c.done.Wait()
}

// Export takes spans.
func (c *Collector) Export(
	ctx context.Context, req *collectorv1.ExportTraceServiceRequest,
) (*collectorv1.ExportTraceServiceResponse, error) {
	switch c.manner {
	case hanging:
		select {
		case <-ctx.Done():
		case <-c.stopped:
		}
		return nil, context.Canceled
	case refusing:
		return nil, status.Error(codes.InvalidArgument, "refused")
	case taking:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, from := range req.GetResourceSpans() {
		resource := values(from.GetResource().GetAttributes())
		for _, scope := range from.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				c.spans = append(c.spans, spanOf(resource, s))
			}
		}
	}
	close(c.moved)
	c.moved = make(chan struct{})
	return &collectorv1.ExportTraceServiceResponse{}, nil
}

func spanOf(resource map[string]string, s *tracev1.Span) Span {
	out := Span{
		Service: resource["service.name"], Name: s.GetName(), Kind: s.GetKind(),
		Trace: hex.EncodeToString(s.GetTraceId()), ID: hex.EncodeToString(s.GetSpanId()),
		Parent: hex.EncodeToString(s.GetParentSpanId()), Failed: s.GetStatus().GetCode() == tracev1.Status_STATUS_CODE_ERROR,
		Attributes: values(s.GetAttributes()), Resources: resource, Text: prototext.Format(s),
	}
	for _, l := range s.GetLinks() {
		out.Links = append(out.Links, hex.EncodeToString(l.GetSpanId()))
	}
	return out
}

func values(list []*commonv1.KeyValue) map[string]string {
	out := map[string]string{}
	for _, a := range list {
		switch v := a.GetValue().GetValue().(type) {
		case *commonv1.AnyValue_StringValue:
			out[a.GetKey()] = v.StringValue
		case *commonv1.AnyValue_IntValue:
			out[a.GetKey()] = fmt.Sprint(v.IntValue)
		case *commonv1.AnyValue_DoubleValue:
			out[a.GetKey()] = fmt.Sprint(v.DoubleValue)
		case *commonv1.AnyValue_BoolValue:
			out[a.GetKey()] = fmt.Sprint(v.BoolValue)
		default:
			out[a.GetKey()] = a.GetValue().String()
		}
	}
	return out
}

// Spans are all that have arrived.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// Await waits until what has arrived is enough, at most until the context is done, and returns what had arrived then.
func (c *Collector) Await(ctx context.Context, enough func([]Span) bool) ([]Span, error) {
	for {
		c.mu.Lock()
		spans, moved := slices.Clone(c.spans), c.moved
		c.mu.Unlock()
		if enough(spans) {
			return spans, nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return spans, ctx.Err()
		}
	}
}

// Find returns the first span of a service, whichever when it is "", and name.
func Find(spans []Span, service, name string) (Span, bool) {
	for _, s := range spans {
		if s.Name == name && (service == "" || s.Service == service) {
			return s, true
		}
	}
	return Span{}, false
}

// Path is the way from the first span of a trace down to one, as "service: name" of each. A parent that has not arrived
// ends it with "?".
func Path(spans []Span, last Span) []string {
	byID := map[string]Span{}
	for _, s := range spans {
		byID[s.ID] = s
	}
	path := []string{last.Service + ": " + last.Name}
	for last.Parent != "" {
		parent, ok := byID[last.Parent]
		if !ok || parent.Trace != last.Trace {
			path = append(path, "?")
			break
		}
		last = parent
		path = append(path, last.Service+": "+last.Name)
	}
	slices.Reverse(path)
	return path
}

// Tree writes spans as an indented tree, for a test that fails to show.
func Tree(spans []Span) string {
	var b strings.Builder
	var write func(parent string, depth int)
	write = func(parent string, depth int) {
		for _, s := range spans {
			if s.Parent == parent {
				_, _ = fmt.Fprintf(&b, "%s%s: %s\n", strings.Repeat("  ", depth), s.Service, s.Name)
				write(s.ID, depth+1)
			}
		}
	}
	write("", 0)
	return b.String()
}
