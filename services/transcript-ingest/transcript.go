package ingest

import (
	"cmp"
	"slices"

	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

// resolve reads entries as a transcript: corrections take the place of what they correct, so that an utterance stays
// where it was recognised, and say when they came. What publishers number is read in the order of the numbers.
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
		if u.GetOrder() <= 0 {
			u.Order = out[at].GetOrder() // who corrects the text alone does not move it
		}
		out[at] = u
	}
	return recognised(out)
}

// recognised sorts utterances, given as they arrived, by the order of recognition that their publisher gave (above 0).
// Equal orders stay as they arrived, and an utterance without one stays behind the one it arrived after. Times sort
// nothing: those of real recognisers run backwards.
func recognised(list []*transcriptv1.Utterance) []*transcriptv1.Utterance {
	keys := make([]int64, len(list)) // what each is sorted by
	last, sorted := int64(0), true
	for i, u := range list {
		before := last
		if u.GetOrder() > 0 {
			last = u.GetOrder()
		}
		keys[i], sorted = last, sorted && last >= before
	}
	if sorted {
		return list
	}
	places := make([]int, len(list))
	for i := range places {
		places[i] = i
	}
	slices.SortStableFunc(places, func(a, b int) int { return cmp.Compare(keys[a], keys[b]) })
	out := make([]*transcriptv1.Utterance, 0, len(list))
	for _, i := range places {
		out = append(out, list[i])
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
