package formats

import (
	"strings"
	"testing"
)

func TestDeepgramSamplesReadAsTheyShould(t *testing.T) {
	t.Parallel()
	checkSamples(t, Deepgram)
}

func FuzzDeepgram(f *testing.F) { fuzzFormat(f, Deepgram) }

func TestASpeechWithoutABreakBecomesSeveralUtterances(t *testing.T) {
	t.Parallel()
	var words []word
	for range 3000 {
		words = append(words, word{text: "word"})
	}
	got := turns(strings.Repeat("word ", 3000), "", words, 0.8)
	total := 0
	for _, s := range got {
		if len(s.text) > maxTurn+4 {
			t.Errorf("an utterance of %d bytes", len(s.text))
		}
		total += strings.Count(s.text, "word")
	}
	if total != 3000 || len(got) != 4 {
		t.Errorf("%d words in %d utterances", total, len(got))
	}
}

func TestWordsThatAreNotInTheTextAreNotLost(t *testing.T) {
	t.Parallel()
	got := turns("one three", " ", []word{{text: "one"}, {text: "two"}, {text: "three"}}, 0)
	if len(got) != 1 || got[0].text != "one two three" {
		t.Errorf("%+v", got)
	}
}

func TestAChannelInWhichNothingIsSaidIsACall(t *testing.T) {
	t.Parallel()
	isSilent(t, Deepgram, `{"metadata":{"request_id":"a"},"results":{"channels":[{"alternatives":[{"transcript":"","words":[]}]}]}}`)
}
