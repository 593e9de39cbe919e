package analysis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	"github.com/kikigaki/kikigaki/services/internal/ids"
	"github.com/kikigaki/kikigaki/services/internal/llm"
)

const (
	// defaultOutput is how many tokens an answer may have when the key does not say.
	defaultOutput = 4000
	// defaultWindow is assumed of a model whose provider does not tell, in tokens.
	defaultWindow = 128_000
	// maxRefused is how often a request is repeated that the provider answered with an error of its own.
	maxRefused = 6
)

// question is everything that goes to the provider.
type question struct {
	release  *keyv1.ReleaseSecretResponse
	client   *llm.Client
	end      func() // lets the client's connections go
	model    string
	messages []llm.Message
	output   int
	cost     int // in tokens, if the answer is as long as it may be
}

// work asks the provider and writes down what it says, until there is an answer. A *ProviderError ends the analysis.
func (s *Service) work(ctx context.Context, r Record, t *turn) error {
	if r.HasText {
		return nil // answered before a crash; only the terminal event was missing
	}
	pause := newPause()
	var q question
	defer func() { q.close() }()
	for try := 1; ; try++ {
		if err := s.renew(ctx, r, t, &q); err != nil {
			return err
		}
		t.measured(q.cost)
		answered, err := s.ask(ctx, r, t, q)
		if err == nil {
			return answered
		}
		s.windows.learn(r.Key.Lane, err, time.Now())
		if !s.replaced(ctx, r, q, err) {
			wait, again := retry(err, try, pause)
			if !again || wait >= time.Until(r.Deadline) {
				return failure(err)
			}
			t.hold(wait)
		}
		if err := t.repeat(ctx); err != nil {
			return err
		}
	}
}

// renew makes a question ready to be asked: prepared, with the key as it is now. What was prepared with a key that has
// changed since is prepared anew. While another service is down it waits, which writes nothing to the log.
func (s *Service) renew(ctx context.Context, r Record, t *turn, q *question) error {
	pause := newPause()
	for {
		err := s.renewOnce(ctx, r, q)
		if fault.KindOf(err) != fault.Unavailable {
			return err
		}
		if err := t.wait(ctx, pause.NextBackOff()); err != nil {
			return err
		}
	}
}

func (s *Service) renewOnce(ctx context.Context, r Record, q *question) error {
	if q.client != nil {
		now, err := s.keyNow(ctx, r)
		if err != nil || current(q.release, now) {
			return err
		}
	}
	next, err := s.prepare(ctx, r)
	if err != nil {
		return err
	}
	q.close()
	*q = next
	return nil
}

func (q question) close() {
	if q.end != nil {
		q.end()
	}
}

func newPause() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.Multiplier, b.MaxInterval = 500*time.Millisecond, 2, 20*time.Second
	return b
}

// retry decides whether a failed request is made again, and after how long: only what surely was not processed or
// what the provider asks to repeat.
func retry(err error, try int, pause *backoff.ExponentialBackOff) (wait time.Duration, again bool) {
	var e *llm.Error
	if !errors.As(err, &e) || e.MaybeProcessed {
		return 0, false
	}
	switch e.Class { //nolint:exhaustive // nothing else is asked again
	case llm.ClassRetryAfter, llm.ClassRampDown:
		return max(e.RetryAfter, pause.NextBackOff()), true
	case llm.ClassRetryBackoff:
		return max(e.RetryAfter, pause.NextBackOff()), try < maxRefused
	}
	return 0, false
}

// prepare gets the secret and the words, and checks that they fit: transcript, prompt and answer together into the window.
func (s *Service) prepare(ctx context.Context, r Record) (question, error) {
	ctx = identity.AsService(ctx, r.Tenant)
	secret, err := s.release(ctx, r)
	if err != nil {
		return question{}, err
	}
	t, err := s.deps.Transcripts.GetTranscript(ctx, &transcriptv1.GetTranscriptRequest{
		CallId: r.Call, Revision: r.Revision, Newest: true,
	})
	if err != nil {
		return question{}, err
	}
	k := secret.GetKey()
	q := question{release: secret, model: k.GetModel(), output: outputOf(k), messages: messages(t.GetUtterances(), r.Prompt.Text)}
	q.cost = s.cost(q, k)
	if window := s.window(r.Key.Lane, k); int64(q.cost) > window {
		return question{}, &ProviderError{Code: codeTooLong, Params: map[string]string{
			"tokens": fmt.Sprint(q.cost), "limit": fmt.Sprint(window),
		}}
	}
	q.client, q.end, err = s.client(secret)
	return q, err
}

// messages puts the transcript first and the prompt last, so that the next prompt on the same call finds the
// provider's cache warm. Utterances are numbered for quotes to refer to.
func messages(utterances []*transcriptv1.Utterance, prompt string) []llm.Message {
	var b strings.Builder
	for i, u := range utterances {
		text := strings.ReplaceAll(u.GetText(), "\n", " ")
		fmt.Fprintf(&b, "[%d] %s: %s\n", i+1, u.GetSpeaker(), text)
	}
	return []llm.Message{{Role: "user", Text: b.String()}, {Role: "user", Text: prompt}}
}

// cost is what a question may cost in tokens: its words and the longest answer.
func (s *Service) cost(q question, k *keyv1.Key) int {
	cost := q.output
	for _, m := range q.messages {
		cost += s.tokens.CountBy(k.GetModelFacts().GetTokenizer(), m.Text)
	}
	return cost
}

// ask makes one request: `sent` is on disk before a byte leaves, `piece` says what came of it. The error is the
// provider's; answered is what writing down a good answer came to.
func (s *Service) ask(ctx context.Context, r Record, t *turn, q question) (answered, err error) {
	sent, err := s.send(ctx, r, t)
	if err != nil {
		return nil, err
	}
	if _, err := s.keyNow(ctx, r); err != nil { // the last moment: behind it the socket is written
		return nil, errors.Join(err, s.noteUnsent(ctx, r, sent, err))
	}
	t.sent()
	answer, err := s.meters.provider.Complete(ctx, q.client, llm.Request{
		Model: q.model, Messages: q.messages, MaxOutputTokens: q.output, RequestID: sent.RequestID,
	}, r.about())
	t.answered(answer, err)
	if errors.Is(context.Cause(ctx), errStopping) && err != nil {
		return nil, errStopping // nobody knows what came of it: it stays open, and counts as maybe paid
	}
	if err == nil {
		err = usable(answer)
	}
	return s.note(ctx, r, sent, answer, err), err
}

// send writes `sent`. It refuses when the analysis has ended meanwhile or the lane is not ours any more.
func (s *Service) send(ctx context.Context, r Record, t *turn) (sent Sent, err error) {
	j := jobOf(r)
	_, err = s.commit(ctx, r.Tenant, r.Call, self(r.Tenant), ids.New("event"), func(tx *view.Tx) (*fact, error) {
		now, err := s.due(tx, j, t)
		if err != nil {
			return nil, err
		}
		sent = Sent{Try: now.Tries + 1, RequestID: ids.New("request")}
		return sentFact(r, sent), nil
	})
	return sent, err
}

// note writes `piece`, also when the analysis has ended meanwhile: what was paid must be counted. Of an erased call
// nothing is said any more; it was counted as maybe paid.
func (s *Service) note(ctx context.Context, r Record, sent Sent, answer llm.Completion, failed error) error {
	return s.notePiece(ctx, r, pieceOf(sent, answer, failed))
}

// noteUnsent writes `piece` for a request that `sent` announced and that did not leave: it costs nothing.
func (s *Service) noteUnsent(ctx context.Context, r Record, sent Sent, why error) error {
	piece := pieceOf(sent, llm.Completion{}, why)
	piece.Usage = &eventv1.Usage{}
	return s.notePiece(ctx, r, piece)
}

func (s *Service) notePiece(ctx context.Context, r Record, piece *eventv1.PieceAnswered) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	_, err := s.commit(ctx, r.Tenant, r.Call, self(r.Tenant), ids.New("event"), func(tx *view.Tx) (*fact, error) {
		if _, ok, err := readRecord(tx, r.Tenant, r.ID); err != nil || !ok || erased(tx, r) {
			return nil, err
		}
		return pieceFact(r, piece), nil
	})
	return err
}
