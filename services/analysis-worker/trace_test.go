package analysis

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/telemetry/telemetrytest"
	"github.com/kikigaki/kikigaki/proto/subject"
)

// asking begins a trace as the console would.
func (w *world) asking() (ctx context.Context, trace string, done func()) {
	w.t.Helper()
	ctx, span := w.tel.For("console").TracerProvider().Tracer("test").Start(w.t.Context(), "ask")
	return ctx, span.SpanContext().TraceID().String(), func() { span.End() }
}

func (w *world) hides(spans []telemetrytest.Span) {
	w.t.Helper()
	text := fmt.Sprint(spans)
	for _, secret := range []string{secretKey, secretKey[3:], secretPrompt, secretWords, secretAnswer} {
		if strings.Contains(text, secret) {
			w.t.Errorf("%s is in the spans:\n%s", secret, text)
		}
	}
}

func (w *world) pathIs(spans []telemetrytest.Span, service, name, want string) telemetrytest.Span {
	w.t.Helper()
	s, ok := telemetrytest.Find(spans, service, name)
	if got := strings.Join(telemetrytest.Path(spans, s), " > "); !ok || got != want {
		w.t.Errorf("%s\nwant\n%s\nof\n%s", got, want, telemetrytest.Tree(spans))
	}
	return s
}

func (w *world) measured(lines ...string) {
	w.t.Helper()
	text := telemetrytest.Scrape(w.t.Context(), w.tel.Handler())
	for _, line := range lines {
		if !strings.Contains(text, line+"\n") {
			w.t.Errorf("no %s in\n%s", line, text)
		}
	}
}

func TestOneTraceLeadsFromTheRequestOverTheLogToTheProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, _ := w.worker()
	ctx, trace, done := w.asking()
	id := w.request(ctx, s)
	done()
	if r := w.ended(s, id); r.State != StateCompleted || r.Text != secretAnswer {
		t.Fatalf("%+v", r)
	}
	terminal, _, err := w.log.Last(t.Context(), stream.NewGuard(subject.Calls, subject.CallGuard("a", "c")))
	if err != nil || !strings.Contains(terminal.Trace, trace) {
		t.Errorf("the outcome is of another trace: %+v, %v", terminal, err)
	}

	spans := w.all()
	const analyse = "console: ask > analysis-worker: append kikigaki.call > analysis-worker: analyse"
	chat := w.pathIs(spans, Name, "chat m-1", analyse+" > analysis-worker: chat m-1")
	const release = "kikigaki.key.v1.KeyService/ReleaseSecret"
	w.pathIs(spans, "others", release, analyse+" > analysis-worker: "+release+" > others: "+release)
	for key, want := range map[string]string{
		"gen_ai.operation.name": "chat", "gen_ai.provider.name": "compatible", "gen_ai.request.model": "m-1",
		"gen_ai.response.model": "m-1-2026", "gen_ai.response.id": "cmpl-1 [secret]",
		"gen_ai.usage.input_tokens": "30", "gen_ai.usage.output_tokens": "12",
		"gen_ai.prompt.name": "Summary", "gen_ai.prompt.version": "7",
	} {
		if chat.Attributes[key] != want {
			t.Errorf("%s is %q, want %q", key, chat.Attributes[key], want)
		}
	}
	run, _ := telemetrytest.Find(spans, Name, "analyse")
	appends := 0
	for _, s := range spans {
		if s.Parent == run.ID && s.Name == "append kikigaki.call" {
			appends++
		}
	}
	if appends != 4 { // started, sent, piece, completed
		t.Errorf("%d writes are of the analysis\n%s", appends, telemetrytest.Tree(spans))
	}
	if a := run.Attributes; a["kikigaki.analysis.id"] != id || a["kikigaki.analysis.attempt"] != "1" ||
		a["kikigaki.analysis.state"] != StateCompleted || run.Failed {
		t.Errorf("%v", a)
	}
	w.hides(spans)
	w.measured(
		`kikigaki_analyses_ended_total{code="",service_name="analysis-worker",state="completed"} 1`,
		`kikigaki_analyses_duration_seconds_count{priority="interactive",service_name="analysis-worker",state="completed"} 1`,
		`kikigaki_analyses_queue_duration_seconds_count{priority="interactive",service_name="analysis-worker"} 1`,
		`kikigaki_analyses_running{service_name="analysis-worker"} 0`,
		`kikigaki_analyses_waiting{service_name="analysis-worker"} 0`,
		`gen_ai_client_inference_duration_seconds_count{gen_ai_operation_name="chat",gen_ai_provider_name="compatible",gen_ai_request_model="m-1",service_name="analysis-worker"} 1`,
		`gen_ai_client_inference_usage_input_tokens_total{gen_ai_operation_name="chat",gen_ai_provider_name="compatible",gen_ai_request_model="m-1",service_name="analysis-worker"} 30`,
		`gen_ai_client_inference_usage_output_tokens_total{gen_ai_operation_name="chat",gen_ai_provider_name="compatible",gen_ai_request_model="m-1",service_name="analysis-worker"} 12`,
	)
}

// The provider is a stranger: it has no business with our traces.
func TestTheProviderIsNotToldOfTheTrace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, _ := w.worker()
	ctx, trace, done := w.asking()
	w.ended(s, w.request(ctx, s))
	done()
	asked := w.provider.asked()
	if len(asked) != 1 {
		t.Fatalf("asked %d times", len(asked))
	}
	for name, values := range asked[0] {
		switch {
		case name == "Traceparent", name == "Tracestate", name == "Baggage", strings.Contains(fmt.Sprint(values), trace):
			t.Errorf("%s: %v", name, values)
		}
	}
}

func TestAFailureIsShownByItsCodeAndNotInTheProvidersWords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provider.set(http.StatusUnauthorized, nil)
	s, _ := w.worker()
	ctx, _, done := w.asking()
	r := w.ended(s, w.request(ctx, s))
	done()
	if r.State != StateFailed {
		t.Fatalf("%+v", r)
	}
	spans := w.all()
	chat, _ := telemetrytest.Find(spans, Name, "chat m-1")
	run, _ := telemetrytest.Find(spans, Name, "analyse")
	if !chat.Failed || chat.Attributes["error.type"] != "auth" || !run.Failed || run.Attributes["error.type"] != codeAuth {
		t.Errorf("%v %v", chat.Attributes, run.Attributes)
	}
	w.hides(spans)
	w.measured(`kikigaki_analyses_ended_total{code="PROVIDER_AUTH",service_name="analysis-worker",state="failed"} 1`)
}

func TestWhoeverGoesOnWithAnAnalysisGoesOnWithItsTrace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hang := make(chan struct{})
	w.provider.set(http.StatusOK, hang)
	first, stop := w.worker()
	ctx, trace, done := w.asking()
	id := w.request(ctx, first)
	done()
	w.eventually("the provider to be asked", func() bool { return len(w.provider.asked()) == 1 })
	now, cancel := context.WithCancel(t.Context())
	cancel()
	stop(now) // without waiting for what is at the provider
	w.provider.set(http.StatusOK, nil)
	close(hang)

	second, _ := w.worker() // knows of it from the log alone
	if r := w.ended(second, id); r.State != StateCompleted || r.Attempts != 2 {
		t.Fatalf("%+v", r)
	}
	spans := w.all()
	attempts := map[string]telemetrytest.Span{}
	for _, s := range spans {
		if s.Name == "analyse" {
			attempts[s.Attributes["kikigaki.analysis.attempt"]] = s
		}
	}
	one, two := attempts["1"], attempts["2"]
	if len(attempts) != 2 || one.Trace != trace || two.Trace != trace || one.Parent != two.Parent {
		t.Errorf("%+v\n%s", attempts, telemetrytest.Tree(spans))
	}
	if one.Attributes["kikigaki.analysis.state"] != "" || two.Attributes["kikigaki.analysis.state"] != StateCompleted {
		t.Errorf("%v %v", one.Attributes, two.Attributes)
	}
}
