package ingest

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/kikigaki/kikigaki/pkg/telemetry"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

// meters is what is measured of a replica.
type meters struct {
	utterances metric.Int64Counter
	err        error // what cannot be measured
}

func newMeters(scope telemetry.Scope) meters {
	m := telemetry.NewInstruments(scope.MeterProvider(), "github.com/kikigaki/kikigaki/services/transcript-ingest")
	utterances := m.Counter("kikigaki.utterances", "{utterance}",
		"Utterances that were sent here, by what became of them: accepted, duplicate or corrected.")
	return meters{utterances: utterances, err: m.Err()}
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
