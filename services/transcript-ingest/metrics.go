package ingest

import (
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/kikigaki/kikigaki/pkg/telemetry"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

// meters is what is measured of a replica.
type meters struct {
	utterances metric.Int64Counter
	answers    metric.Float64Histogram
	fine       []metric.RecordOption // of a good answer: made once, since there are many
	err        error                 // what cannot be measured
}

func newMeters(scope telemetry.Scope) meters {
	m := telemetry.NewInstruments(scope.MeterProvider(), "github.com/kikigaki/kikigaki/services/transcript-ingest")
	utterances := m.Counter("kikigaki.utterances", "{utterance}",
		"Utterances that were sent here, by what became of them: accepted, duplicate or corrected.")
	answers := m.Seconds("kikigaki.voice_log.duration",
		"Answers of the compatible transcript API, until they were written.", 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5)
	return meters{utterances: utterances, answers: answers, fine: statusOption(http.StatusOK), err: m.Err()}
}

func statusOption(status int) []metric.RecordOption {
	return []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(semconv.HTTPResponseStatusCode(status)))}
}

// spoke measures an answer of the compatible API. A 304 is a good one.
func (m meters) spoke(ctx context.Context, status int, took time.Duration) {
	option := m.fine
	if status != http.StatusOK {
		option = statusOption(status)
	}
	m.answers.Record(ctx, took.Seconds(), option...)
}

// took counts what became of words that are stored.
func (m meters) took(ctx context.Context, out *transcriptv1.AppendUtterancesResponse) {
	for result, n := range map[string]uint32{
		"accepted": out.GetAccepted(), "duplicate": out.GetDuplicates(), "corrected": out.GetCorrected(),
	} {
		if n > 0 {
			m.utterances.Add(ctx, int64(n), metric.WithAttributes(attribute.String("result", result)))
		}
	}
}
