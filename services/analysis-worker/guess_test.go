package analysis

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/services/internal/llm"
)

// A guess may be too much, and give turns later than need be; too little, and a provider would refuse.
func TestAGuessIsSeldomTooLittleAndNeverWild(t *testing.T) {
	t.Parallel()
	estimator := llm.NewEstimator()
	for _, text := range []string{
		strings.Repeat("お電話ありがとうございます。カスタマーセンターの山田でございます。", 30),
		strings.Repeat("Thank you for calling. My order number is 4711, and it has not arrived yet. ", 30),
		strings.Repeat("Obrigado por ligar. Não recebi o meu pedido, e já faz três semanas. ", 30),
		strings.Repeat("型番はABC-1234です。", 30),
	} {
		counted, guessed := estimator.Count(text), guess(text)
		if guessed < counted*3/4 || guessed > 3*counted {
			t.Errorf("%.30s…: guessed %d, counted %d", text, guessed, counted)
		}
	}
}

// What an analysis is expected to cost is written with its request, so that whoever owns the lane knows it.
func TestARequestSaysHowLongItsTranscriptIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, _ := w.worker()
	r := w.ended(s, w.request(t.Context(), s))
	if want := guess(secretWords) + guessUtterance; r.Tokens != want {
		t.Errorf("of a transcript of about %d tokens it says %d", want, r.Tokens)
	}
}

func TestWhatARequestHasCostIsWhatIsKnownOfIt(t *testing.T) {
	t.Parallel()
	limits := llm.Limits{RequestsPerMinute: 5, RequestsLeft: 4, TokensPerMinute: 100, TokensLeft: -1, TokensFullIn: time.Second}
	for name, c := range map[string]struct {
		answer llm.Completion
		failed error
		used   int
	}{
		"counted":     {llm.Completion{Usage: llm.Usage{InputTokens: 30, OutputTokens: 12}}, nil, 42},
		"not counted": {llm.Completion{}, nil, -1},
		"empty":       {llm.Completion{Usage: llm.Usage{InputTokens: 30}}, &ProviderError{Code: codeOther}, 30},
		"refused":     {llm.Completion{}, &llm.Error{Status: http.StatusTooManyRequests}, 0},
		"never left":  {llm.Completion{}, &llm.Error{Class: llm.ClassRetryBackoff}, 0},
		"cut off":     {llm.Completion{}, &llm.Error{Class: llm.ClassInterrupted, MaybeProcessed: true}, -1},
		"its trouble": {llm.Completion{}, &llm.Error{Status: http.StatusInternalServerError}, -1},
		"stopped":     {llm.Completion{}, errors.Join(context.Canceled), -1},
	} {
		c.answer.Limits = limits
		if e, ok := errors.AsType[*llm.Error](c.failed); ok {
			e.Limits, c.answer.Limits = limits, llm.Limits{}
		}
		got := answerOf(c.answer, c.failed)
		if got.used != c.used || got.requests != (said{5, 4, 0}) || got.tokens != (said{100, -1, time.Second}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
