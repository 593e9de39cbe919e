package stream_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/trace"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
	"github.com/kikigaki/kikigaki/pkg/telemetry"
	"github.com/kikigaki/kikigaki/pkg/telemetry/telemetrytest"
)

// observed is a log whose writes are observed as those of "writer", what its spans arrive at and the page of metrics.
func observed(t *testing.T, nc *nats.Conn) (*stream.Log, *telemetry.Telemetry, *telemetrytest.Collector) {
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
	return open(t, nc, 1).For(tel.For("writer")), tel, c
}

// traced is a context in a trace of its own, whose span stays open.
func traced(t *testing.T, tel *telemetry.Telemetry) context.Context {
	t.Helper()
	ctx, span := tel.For("writer").TracerProvider().Tracer("test").Start(t.Context(), "ask")
	t.Cleanup(func() { span.End() })
	return ctx
}

func event(id string) stream.Event {
	return stream.Event{ID: id, Subject: "test.call.t.c.secret-id", Data: []byte("secret words")}
}

// The log's own server looks for the name in lower case, and names are told apart by their case.
func TestAnEventCarriesItsTraceInLowerCase(t *testing.T) {
	t.Parallel()
	nc := streamtest.Start(t).Conn(t)
	l, tel, _ := observed(t, nc)
	if _, err := l.Append(traced(t, tel), stream.NewGuard(name, scope), 0, event("one")); err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := s.GetMsg(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for key := range raw.Header {
		if strings.EqualFold(key, "traceparent") {
			names = append(names, key)
		}
	}
	if len(names) != 1 || names[0] != "traceparent" || !strings.HasPrefix(raw.Header["traceparent"][0], "00-") {
		t.Fatalf("%v in %v", names, raw.Header)
	}
}

func TestAWriteIsASpanAndTheEventItsChild(t *testing.T) {
	t.Parallel()
	l, tel, c := observed(t, streamtest.Start(t).Conn(t))
	ctx := traced(t, tel)
	if _, err := l.Append(ctx, stream.NewGuard(name, scope), 0, event("one")); err != nil {
		t.Fatal(err)
	}
	fromLog, ok, err := l.At(t.Context(), name, 1)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	got := make(chan stream.Message, 1)
	tail, stop := context.WithCancel(t.Context())
	defer stop()
	go func() { _ = l.Tail(tail, name, 0, func(m stream.Message) { got <- m }) }()
	if m := receive(t, got); m.Trace != fromLog.Trace || m.Trace == "" {
		t.Errorf("followed it is %q, read %q", m.Trace, fromLog.Trace)
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	spans := c.Spans()
	span, ok := telemetrytest.Find(spans, "writer", "append test.call")
	if !ok {
		t.Fatalf("%+v", spans)
	}
	asked := trace.SpanContextFromContext(ctx)
	if span.Trace != asked.TraceID().String() || span.Parent != asked.SpanID().String() {
		t.Errorf("the write is no child of what asked for it: %+v", span)
	}
	if want := "00-" + span.Trace + "-" + span.ID + "-01"; fromLog.Trace != want {
		t.Errorf("the event carries %q, want the write's own %q", fromLog.Trace, want)
	}
	for key, want := range map[string]string{
		"messaging.system": "nats", "messaging.operation.name": "append", "messaging.operation.type": "send",
		"messaging.destination.template": "test.call",
	} {
		if span.Attributes[key] != want {
			t.Errorf("%s is %q, want %q", key, span.Attributes[key], want)
		}
	}
	if strings.Contains(span.Text, "secret") {
		t.Errorf("an id or a word is in %s", span.Text)
	}
}

// What a service does by itself is no part of a trace, and makes none.
func TestAWriteWithoutATraceIsNoSpanAndCarriesNone(t *testing.T) {
	t.Parallel()
	l, tel, c := observed(t, streamtest.Start(t).Conn(t))
	if _, err := l.Append(t.Context(), stream.NewGuard(name, scope), 0, event("one")); err != nil {
		t.Fatal(err)
	}
	if m, _, err := l.At(t.Context(), name, 1); err != nil || m.Trace != "" {
		t.Errorf("%q, %v", m.Trace, err)
	}
	if err := tel.Shutdown(t.Context()); err != nil || len(c.Spans()) != 0 {
		t.Errorf("%v, %v", c.Spans(), err)
	}
}

func TestWritesAreMeasuredAndConflictsCounted(t *testing.T) {
	t.Parallel()
	l, tel, c := observed(t, streamtest.Start(t).Conn(t))
	g := stream.NewGuard(name, scope)
	for n := range 3 {
		if _, err := l.Append(traced(t, tel), g, 0, event(fmt.Sprint(n))); (err == nil) != (n == 0) {
			t.Fatal(n, err)
		}
	}
	var conflict *stream.Conflict
	if _, err := l.Append(t.Context(), g, 7, event("x")); !errors.As(err, &conflict) {
		t.Fatal(err)
	}
	text := telemetrytest.Scrape(t.Context(), tel.Handler())
	for _, want := range []string{
		`messaging_client_operation_duration_seconds_count{messaging_destination_template="test.call",messaging_operation_name="append",messaging_system="nats",service_name="writer"} 1`,
		`messaging_client_operation_duration_seconds_count{error_type="conflict",messaging_destination_template="test.call",messaging_operation_name="append",messaging_system="nats",service_name="writer"} 3`,
		`kikigaki_log_conflicts_total{error_type="conflict",messaging_destination_template="test.call",service_name="writer"} 3`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, s := range c.Spans() {
		if s.Failed {
			t.Errorf("a lost race is shown as a failure: %s", s.Text)
		}
	}
}
