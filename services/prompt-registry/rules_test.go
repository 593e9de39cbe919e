package prompts

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Whatever two texts are, the parts of their comparison are the one without what was added, and the other without what was
// removed; no two neighbours are of one kind.
func TestThePartsOfAComparisonAreBothTexts(t *testing.T) {
	t.Parallel()
	word := rapid.SampledFrom([]string{"a", "b", " ", "お客様", "用件", "。", "👨\u200d👩\u200d👧", "\n", "e\u0301"})
	rapid.Check(t, func(t *rapid.T) {
		before := strings.Join(rapid.SliceOfN(word, 0, 30).Draw(t, "before"), "")
		after := strings.Join(rapid.SliceOfN(word, 0, 30).Draw(t, "after"), "")
		var one, two, last string
		for _, p := range parts(words(before), words(after)) {
			if p.kind == last || p.text == "" {
				t.Fatalf("%q to %q: a part too many: %v", before, after, p)
			}
			if last = p.kind; p.kind != partAdded {
				one += p.text
			}
			if p.kind != partRemoved {
				two += p.text
			}
		}
		if one != before || two != after {
			t.Fatalf("%q to %q reads as %q to %q", before, after, one, two)
		}
	})
}
