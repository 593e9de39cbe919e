package ingest

import (
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

// resolve reads entries as a transcript: corrections take the place of what they correct, so that an utterance stays
// where it was recognised, and say when they came.
func resolve(entries []*eventv1.Entry) []*transcriptv1.Utterance {
	out := make([]*transcriptv1.Utterance, 0, len(entries))
	place := make(map[string]int, len(entries))
	for _, e := range entries {
		u := utteranceOf(e)
		at, known := place[e.GetUtteranceId()]
		if !known {
			place[e.GetUtteranceId()] = len(out)
			out = append(out, u)
			continue
		}
		u.CreatedAt = out[at].GetCreatedAt()
		out[at] = u
	}
	return out
}

func utteranceOf(e *eventv1.Entry) *transcriptv1.Utterance {
	return &transcriptv1.Utterance{
		UtteranceId: e.GetUtteranceId(), Version: e.GetVersion(), Order: e.GetOrder(), Kind: e.GetKind(),
		Speaker: e.GetSpeaker(), Text: e.GetText(), StartSec: e.StartSec, DurationSec: e.DurationSec,
		Vendor: e.GetVendor(), CreatedAt: e.GetReceivedAt(), UpdatedAt: e.GetReceivedAt(),
	}
}
