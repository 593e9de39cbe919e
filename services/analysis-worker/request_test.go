package analysis

import (
	"maps"
	"testing"

	"github.com/kikigaki/kikigaki/pkg/fault"
	analysisv1 "github.com/kikigaki/kikigaki/proto/kikigaki/analysis/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
)

// A prompt that cannot be used is refused at the click, with the reason, and not after its turn by a provider; nothing of the
// request is left.
func TestABrokenPromptIsRefusedAndSaysWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.others.broken, w.others.brokenParams = "MODEL_SHUT_DOWN", map[string]string{"model": "m-1", "date": "2026-11-30"}
	s, _ := w.worker()
	before, err := w.log.Info(t.Context(), subject.Calls)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.RequestAnalyses(ann(t.Context()), &analysisv1.RequestAnalysesRequest{CallId: "c", PromptIds: []string{"p"}})
	f, _ := fault.As(err)
	want := map[string]string{"prompt": "Summary", "reason": "MODEL_SHUT_DOWN", "model": "m-1", "date": "2026-11-30"}
	if f == nil || f.Code != "PROMPT_BROKEN" || f.Kind != fault.Conflict || !maps.Equal(f.Params, want) {
		t.Fatalf("it is told %+v", f)
	}
	after, err := w.log.Info(t.Context(), subject.Calls)
	if err != nil || after.Last != before.Last {
		t.Fatalf("%d events were written, %v", after.Last-before.Last, err)
	}
}

// What an analysis is asked with is what the prompt was at the click; its map text only with the advanced settings on.
func TestAnAnalysisKeepsThePromptItWasAskedWith(t *testing.T) {
	t.Parallel()
	for advanced, mapText := range map[bool]string{false: "", true: "per piece"} {
		t.Run(mapText, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.others.advanced = advanced
			s, _ := w.worker()
			id := w.request(t.Context(), s)
			got := w.ended(s, id).Prompt
			want := Prompt{ID: "p", Name: "Summary", Revision: 7, Text: secretPrompt, Split: "auto", MapText: mapText}
			if got != want {
				t.Errorf("advanced %t: %+v", advanced, got)
			}
		})
	}
}
