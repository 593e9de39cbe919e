package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"
)

// importAtOnce is how many calls are imported with one request, answerWithin how long the last outcome of a leg may take.
const (
	importAtOnce = 100
	answerWithin = 30 * time.Second
)

// Stage is the system with a provider, a client and an open screen, ready for analyses.
type Stage struct {
	System   *System
	provider *Provider
	client   *Client
	screen   *Screen
	prompt   string
	dir      string
	calls    []string // in the log, not yet asked about
	asked    []string
}

// OpenStage starts everything over an empty directory and brings in so many calls.
func OpenStage(ctx context.Context, binary, dir string, calls int) (s *Stage, err error) {
	s = &Stage{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close(ctx))
		}
	}()
	if s.dir, err = os.MkdirTemp(dir, "stage-"); err != nil {
		return s, err
	}
	if s.provider, err = StartProvider(ctx); err != nil {
		return s, err
	}
	if s.System, _, _, err = StartSystem(ctx, binary, s.dir); err != nil {
		return s, err
	}
	if s.client, err = LogIn(ctx, s.System.URL); err != nil {
		return s, err
	}
	if err = s.equip(ctx); err != nil {
		return s, err
	}
	if err = s.bring(ctx, calls); err != nil {
		return s, err
	}
	s.screen, err = s.client.Open(ctx)
	return s, err
}

// equip registers the provider's key and makes a prompt.
func (s *Stage) equip(ctx context.Context) error {
	var key, prompt struct {
		ID string `json:"id"`
	}
	err := s.client.Do(ctx, http.MethodPost, "/api/v1/keys", map[string]any{
		"kind": "openai", "name": "bench", "secret": secret, "model": "sim-large", "baseUrl": s.provider.URL,
	}, &key)
	if err != nil {
		return err
	}
	err = s.client.Do(ctx, http.MethodPost, "/api/v1/prompts", map[string]any{
		"name": "bench", "keyKind": "openai", "keyId": key.ID, "text": "What was this call about?",
	}, &prompt)
	s.prompt = prompt.ID
	s.provider.Begin()
	return err
}

// bring imports calls, each with words that name it.
func (s *Stage) bring(ctx context.Context, calls int) error {
	var lines bytes.Buffer
	for n := range calls {
		id := fmt.Sprintf("bench-%05d", n)
		if err := json.NewEncoder(&lines).Encode(dialogueOf(id)); err != nil {
			return err
		}
		s.calls = append(s.calls, id)
		if (n+1)%importAtOnce != 0 && n+1 < calls {
			continue
		}
		var done struct {
			Refused []any `json:"refused"`
		}
		if err := s.client.Do(ctx, http.MethodPost, "/api/v1/calls/import", bytes.Clone(lines.Bytes()), &done); err != nil {
			return err
		}
		if len(done.Refused) > 0 {
			return fmt.Errorf("calls were refused: %v", done.Refused)
		}
		lines.Reset()
	}
	return nil
}

type utterance struct {
	Speaker string `json:"speaker"`
	Text    string `json:"text"`
}

type dialogue struct {
	ID         string      `json:"id"`
	Lang       string      `json:"lang"`
	Utterances []utterance `json:"utterances"`
}

func dialogueOf(id string) dialogue {
	return dialogue{ID: id, Lang: "ja", Utterances: []utterance{
		{"agent", "お電話ありがとうございます。受付番号は " + id + " です。"},
		{"customer", "すみません、昨日注文した商品の配送先を変更したいのですが。"},
		{"agent", "かしこまりました。ご注文番号とお名前をお願いいたします。"},
		{"customer", "番号は四五六七、名前は佐藤です。届け先を会社にしてください。"},
		{"agent", "確認できました。変更を承りました。明日の午前中にお届けします。"},
		{"customer", "助かります。ありがとうございました。"},
	}}
}

// Span is one analysis as it was seen from outside.
type Span struct {
	// Planned is when it was to be asked for, whether or not the client came to it in time.
	Planned time.Time
	// Arrived and Left are when the provider got the request and when its answer left, Heard when the screen was told.
	Arrived, Left, Heard time.Time
}

// Analyze asks for an analysis of the next calls at a steady rate, whatever becomes of those before (an open loop), and
// returns when the screen was told of all. CPU is what the system used meanwhile.
func (s *Stage) Analyze(ctx context.Context, count int, rate float64) (spans []Span, cpu time.Duration, err error) {
	if count > len(s.calls) {
		return nil, 0, errors.New("the stage has no calls left")
	}
	calls := s.calls[:count]
	s.calls, s.asked = s.calls[count:], append(s.asked, calls...)
	before, err := CPUTime(s.System.PID())
	if err != nil {
		return nil, 0, err
	}
	spans, err = s.ask(ctx, calls, rate)
	if err != nil {
		return nil, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if err := s.screen.Await(ctx, calls); err != nil {
		return nil, 0, errors.Join(err, fmt.Errorf("kikigaki said:%s", s.System.said.tail()))
	}
	after, err := CPUTime(s.System.PID())
	if err != nil {
		return nil, 0, err
	}
	for i, call := range calls {
		exchanges := s.provider.Asked(call)
		if len(exchanges) != 1 {
			return nil, 0, fmt.Errorf("the provider was asked %d times about %s", len(exchanges), call)
		}
		spans[i].Arrived, spans[i].Left, spans[i].Heard = exchanges[0].Arrived, exchanges[0].Left, s.screen.Heard(call)[0]
	}
	return spans, after - before, nil
}

func (s *Stage) ask(ctx context.Context, calls []string, rate float64) ([]Span, error) {
	spans, errs := make([]Span, len(calls)), make([]error, len(calls))
	begun := time.Now()
	var group sync.WaitGroup
	defer group.Wait()
	for i, call := range calls {
		spans[i].Planned = begun.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		if err := wait(ctx, time.Until(spans[i].Planned)); err != nil {
			return nil, err
		}
		group.Go(func() {
			errs[i] = s.client.Do(ctx, http.MethodPost, "/api/v1/calls/"+call+"/analyses", map[string]string{"promptId": s.prompt}, nil)
		})
	}
	group.Wait()
	return spans, errors.Join(errs...)
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Check tells whether every analysis was asked of the provider once, told once, and is there to be read, completed.
func (s *Stage) Check(ctx context.Context) error {
	if err := s.provider.CheckLedger(len(s.asked)); err != nil {
		return err
	}
	for _, call := range s.asked {
		if n := len(s.screen.Heard(call)); n != 1 {
			return fmt.Errorf("the screen was told %d times of %s", n, call)
		}
	}
	if len(s.asked) == 0 {
		return errors.New("nothing was asked")
	}
	for _, call := range []string{s.asked[0], s.asked[len(s.asked)-1]} {
		if err := completed(ctx, s.client, call); err != nil {
			return err
		}
	}
	return nil
}

// completed tells whether a call has one analysis, with a result.
func completed(ctx context.Context, c *Client, call string) error {
	var list struct {
		Analyses []struct {
			State string `json:"state"`
		} `json:"analyses"`
	}
	if err := c.Do(ctx, http.MethodGet, "/api/v1/calls/"+call+"/analyses", nil, &list); err != nil {
		return err
	}
	if len(list.Analyses) != 1 || list.Analyses[0].State != "completed" {
		return fmt.Errorf("the analyses of %s are %v", call, list.Analyses)
	}
	return nil
}

// Close ends what was started, in order, and removes what was stored.
func (s *Stage) Close(ctx context.Context) error {
	if s.screen != nil {
		s.screen.Close()
	}
	if s.client != nil {
		s.client.Close()
	}
	err := s.System.Stop()
	if s.provider != nil {
		err = errors.Join(err, s.provider.Stop(context.WithoutCancel(ctx)))
	}
	if s.dir != "" {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}
