package llm_test

import (
	"strings"
	"testing"

	"github.com/kikigaki/kikigaki/services/internal/llm"
)

func TestTokensAreCountedAsModelsCountThem(t *testing.T) {
	t.Parallel()
	e := llm.NewEstimator()
	for text, want := range map[string]int{"": 0, "hello world": 2, "tiktoken is great!": 6} {
		if got := e.Count(text); got != want {
			t.Errorf("%q: %d tokens, want %d", text, got, want)
		}
	}
	if got := e.Count(strings.Repeat("もしもし。", 100)); got < 100 || got > 500 {
		t.Errorf("500 characters of Japanese: %d tokens", got)
	}
}

// A model that counts by another vocabulary needs more for Japanese: counted by ours, a call that does not fit would be
// sent, refused and paid for in part.
func TestTokensAreCountedByTheModelsOwnVocabulary(t *testing.T) {
	t.Parallel()
	e := llm.NewEstimator()
	const text = "もしもし、予約を変えたいのですが、よろしいでしょうか。"
	ours, older, characters := e.CountBy("o200k_base", text), e.CountBy("cl100k_base", text), e.CountBy("characters", text)
	if older <= ours || characters != 27 || e.CountBy("", text) != ours || e.Count(text) != ours {
		t.Errorf("%d, %d and %d tokens", ours, older, characters)
	}
}
