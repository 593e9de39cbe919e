package ingest_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/kikigaki/kikigaki/pkg/telemetry"
	"github.com/kikigaki/kikigaki/pkg/telemetry/telemetrytest"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	ingest "github.com/kikigaki/kikigaki/services/transcript-ingest"
)

func TestWhatBecomesOfUtterancesIsCounted(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tel, err := telemetry.New(t.Context(), telemetry.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s := ingest.New(ingest.Config{Views: t.TempDir()}, ingest.Deps{
		Log: b.connect(), Access: b.access, Logger: slog.New(slog.DiscardHandler), Telemetry: tel.For(ingest.Name),
	})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer stop(t, s)
	add(t, s, "c", say("A", "B", "C"))
	add(t, s, "c", say("A", "B"))
	add(t, s, "c", []*transcriptv1.NewUtterance{{UtteranceId: "1", Version: 2, Speaker: "agent", Text: "corrected"}})
	if _, err := s.AppendUtterances(editor(t), &transcriptv1.AppendUtterancesRequest{CallId: "\n", Utterances: say("A")}); err == nil {
		t.Error("a call without a proper id was taken")
	}
	b.voiceLog(http.MethodGet, b.serve(s)+voiceLogPath+"c", reader)
	b.voiceLog(http.MethodGet, b.serve(s)+voiceLogPath+"nothing", reader)
	text := telemetrytest.Scrape(t.Context(), tel.Handler())
	for _, line := range []string{
		`kikigaki_utterances_total{result="accepted",service_name="transcript-ingest"} 3`,
		`kikigaki_utterances_total{result="duplicate",service_name="transcript-ingest"} 2`,
		`kikigaki_utterances_total{result="corrected",service_name="transcript-ingest"} 1`,
		`kikigaki_voice_log_duration_seconds_count{http_response_status_code="200",service_name="transcript-ingest"} 1`,
		`kikigaki_voice_log_duration_seconds_count{http_response_status_code="404",service_name="transcript-ingest"} 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
}
