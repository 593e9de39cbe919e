package notify

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/telemetry"
	"github.com/kikigaki/kikigaki/pkg/telemetry/telemetrytest"
	"github.com/kikigaki/kikigaki/proto/subject"
)

func (w *world) observed() (*telemetry.Telemetry, *telemetrytest.Collector) {
	w.t.Helper()
	c, err := telemetrytest.Listen(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.Stop)
	tel, err := telemetry.New(w.t.Context(), telemetry.Config{Endpoint: c.Endpoint()})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	return tel, c
}

// traced tells of an outcome in a trace of its own, as the worker does, and returns the span that asked for it.
func (w *world) traced(tel *telemetry.Telemetry, n int) (sequence uint64, by trace.SpanContext) {
	w.t.Helper()
	ctx, span := tel.For("analysis-worker").TracerProvider().Tracer("test").Start(w.t.Context(), fmt.Sprint("run ", n))
	defer span.End()
	return w.within(ctx, tel).completed("a", "ann", n), span.SpanContext()
}

// within is the same world whose events are written in the trace of a context.
func (w *world) within(ctx context.Context, tel *telemetry.Telemetry) *world {
	other := *w
	other.log, other.ctx = w.log.For(tel.For("analysis-worker")), ctx
	return &other
}

func (w *world) replica(tel *telemetry.Telemetry, folder string) *Service {
	w.t.Helper()
	s := New(Config{Views: folder}, Deps{
		Log: w.log, Logger: slog.New(slog.DiscardHandler), Telemetry: tel.For(Name),
	})
	if err := s.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = s.Stop(context.Background()) })
	eventually(w.t, "the replica to be ready", func() bool { return s.Ready(w.t.Context()) == nil })
	return s
}

func TestTellingAnOutcomeIsTheLastSpanOfItsTrace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tel, c := w.observed()
	folder, _ := views(t)
	s := w.replica(tel, folder)
	defer s.meters.enter("a")()
	defer s.meters.enter("a")()
	defer s.meters.enter("b")()
	sequence, by := w.traced(tel, 1)
	if err := s.follower.Wait(t.Context(), subject.Calls, sequence); err != nil {
		t.Fatal(err)
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	spans := c.Spans()
	told, ok := telemetrytest.Find(spans, Name, "notify")
	want := "analysis-worker: run 1 > analysis-worker: append kikigaki.call > notification: notify"
	if got := strings.Join(telemetrytest.Path(spans, told), " > "); !ok || got != want || told.Trace != by.TraceID().String() {
		t.Errorf("%s\n%s", got, telemetrytest.Tree(spans))
	}
	if a := told.Attributes; a["kikigaki.notification.streams"] != "2" || a["kikigaki.notification.type"] != typeCompleted {
		t.Errorf("%v", a)
	}
	text := telemetrytest.Scrape(t.Context(), tel.Handler())
	for _, line := range []string{
		`kikigaki_notification_outcomes_total{service_name="notification",type="analysis.completed"} 1`,
		`kikigaki_notification_delay_seconds_count{service_name="notification"} 1`,
		`kikigaki_notification_streams{service_name="notification"} 3`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
}

// A replica that starts reads years of history. Nobody is told of that, and no trace that has long ended grows.
func TestWhatAReplicaReadsOfOldHistoryIsNotTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tel, c := w.observed()
	for n := range 20 {
		w.traced(tel, n)
	}
	folder, _ := views(t)
	s := w.replica(tel, folder)
	last, _ := w.traced(tel, 20)
	if err := s.follower.Wait(t.Context(), subject.Calls, last); err != nil {
		t.Fatal(err)
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, span := range c.Spans() {
		if span.Name == "notify" {
			told = append(told, strings.Join(telemetrytest.Path(c.Spans(), span), " > "))
		}
	}
	if len(told) != 1 || !strings.HasPrefix(told[0], "analysis-worker: run 20 >") {
		t.Errorf("%v", told)
	}
	if text := telemetrytest.Scrape(t.Context(), tel.Handler()); !strings.Contains(text,
		`kikigaki_notification_outcomes_total{service_name="notification",type="analysis.completed"} 1`+"\n") {
		t.Error(text)
	}
}

// An event that belongs to no trace, such as a call that the sweep ends, begins none here.
func TestAnOutcomeWithoutATraceIsToldAndMakesNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tel, c := w.observed()
	folder, _ := views(t)
	s := w.replica(tel, folder)
	if err := s.follower.Wait(t.Context(), subject.Calls, w.completed("a", "ann", 1)); err != nil {
		t.Fatal(err)
	}
	if err := tel.Shutdown(t.Context()); err != nil || len(c.Spans()) > 0 {
		t.Errorf("%v, %v", c.Spans(), err)
	}
	m := stream.Message{Trace: "no traceparent"}
	if told := s.meters.begin(m, newOutcome("a", 1, nil)); told.span != nil {
		t.Error("what is no traceparent begins a trace")
	}
}
