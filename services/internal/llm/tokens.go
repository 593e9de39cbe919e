package llm

import (
	"sync"
	"unicode/utf8"

	"github.com/tiktoken-go/tokenizer"

	"github.com/kikigaki/kikigaki/services/internal/models"
)

// Estimator counts tokens as models do. A vocabulary (some 10 MiB) is loaded when it is first asked for.
type Estimator struct {
	o200k, cl100k func() (tokenizer.Codec, error)
}

// NewEstimator makes an estimator.
func NewEstimator() *Estimator {
	load := func(of tokenizer.Encoding) func() (tokenizer.Codec, error) {
		return sync.OnceValues(func() (tokenizer.Codec, error) { return tokenizer.Get(of) })
	}
	return &Estimator{o200k: load(tokenizer.O200kBase), cl100k: load(tokenizer.Cl100kBase)}
}

// Count estimates the tokens of a text by the vocabulary of OpenAI's newer models; where it cannot be counted, a token a
// byte, which is never too few.
func (e *Estimator) Count(text string) int { return count(text, e.o200k) }

// CountBy is Count by a tokenizer of the data file about models; one it does not know, or "", counts as Count.
func (e *Estimator) CountBy(vocabulary, text string) int {
	switch vocabulary {
	case models.Cl100k:
		return count(text, e.cl100k)
	case models.Characters:
		return utf8.RuneCountInString(text)
	}
	return e.Count(text)
}

func count(text string, load func() (tokenizer.Codec, error)) int {
	codec, err := load()
	if err != nil {
		return len(text)
	}
	n, err := codec.Count(text)
	if err != nil {
		return len(text)
	}
	return n
}
