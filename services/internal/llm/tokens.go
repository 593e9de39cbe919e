package llm

import (
	"sync"

	"github.com/tiktoken-go/tokenizer"
)

// Estimator counts tokens as OpenAI's models do. Its vocabulary (some 10 MiB) is loaded when it is first asked.
type Estimator struct {
	codec func() (tokenizer.Codec, error)
}

// NewEstimator makes an estimator.
func NewEstimator() *Estimator {
	return &Estimator{codec: sync.OnceValues(func() (tokenizer.Codec, error) {
		return tokenizer.Get(tokenizer.O200kBase)
	})}
}

// Count estimates the tokens of a text; where it cannot be counted, a token a byte, which is never too few.
func (e *Estimator) Count(text string) int {
	codec, err := e.codec()
	if err != nil {
		return len(text)
	}
	n, err := codec.Count(text)
	if err != nil {
		return len(text)
	}
	return n
}
