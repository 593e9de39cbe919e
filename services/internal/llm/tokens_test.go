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
