package story_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/stream"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/broker"
)

// promise is what was acknowledged: what must be there whatever happens.
type promise struct {
	mu       sync.Mutex
	said     map[string]map[string]string // call -> utterance -> text
	accepted map[string]bool              // analyses
}

// publish speaks and asks until the context is done, through every outage; what is acknowledged is a promise.
func (p *promise) publish(ctx context.Context, who *person, worker int, prompt string) {
	for n := 0; ctx.Err() == nil; n++ {
		call := fmt.Sprintf("call-%d-%d", worker, n/8)
		text := fmt.Sprintf("Sentence number %d of worker %d.", n, worker)
		a, err := who.try("POST", "/api/v1/calls/"+call+"/utterances", words(n%8, text))
		if err == nil && a.status == http.StatusOK {
			p.mu.Lock()
			if p.said[call] == nil {
				p.said[call] = map[string]string{}
			}
			p.said[call][fmt.Sprint(n%8)] = text
			p.mu.Unlock()
		}
		switch n % 8 {
		case 3, 6:
			a, err := who.try("POST", "/api/v1/calls/"+call+"/analyses", map[string]string{"promptId": prompt})
			if err == nil && a.status == http.StatusAccepted {
				p.mu.Lock()
				p.accepted[analysisOf(a)] = true
				p.mu.Unlock()
			}
		case 7:
			_, _ = who.try("POST", "/api/v1/calls/"+call+"/end", map[string]any{})
		}
		if err != nil {
			time.Sleep(5 * time.Millisecond) // it is down; a publisher would wait longer
		}
	}
}

func analysisOf(a answer) string {
	_, rest, _ := strings.Cut(string(a.body), `"analyses":[{"id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}

// Ten kills at random moments of the path, while words come in, calls end and analyses run.
func TestNothingAcknowledgedIsLostWhenItIsKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	admin := w.logIn("admin", adminPassword)
	prompt := admin.prompt(admin.key(w.base), "about")
	p := &promise{said: map[string]map[string]string{}, accepted: map[string]bool{}}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	for n := range 4 {
		group.Go(func() { p.publish(ctx, admin, n, prompt) })
	}
	for range 10 {
		time.Sleep(time.Duration(50+rand.IntN(450)) * time.Millisecond)
		w.kill()
		w.start()
	}
	time.Sleep(200 * time.Millisecond)
	cancel()
	group.Wait()
	said := 0
	for call, utterances := range p.said {
		said += len(utterances)
		checkWords(t, admin, call, utterances)
	}
	for id := range p.accepted {
		admin.finished(id)
	}
	w.stop()
	checkTerminals(t, w, p)
	t.Logf("%d utterances in %d calls and %d analyses acknowledged over 10 kills; %d requests reached the provider",
		said, len(p.said), len(p.accepted), len(w.provider.Ledger()))
}

func checkWords(t *testing.T, who *person, call string, want map[string]string) {
	t.Helper()
	var got struct {
		Utterances []struct{ UtteranceID, Text string }
	}
	who.must(http.StatusOK, "GET", "/api/v1/calls/"+call+"/transcript", nil).into(t, &got)
	have := map[string]string{}
	for _, u := range got.Utterances {
		if _, twice := have[u.UtteranceID]; twice {
			t.Errorf("%s: utterance %s is there twice", call, u.UtteranceID)
		}
		have[u.UtteranceID] = u.Text
	}
	for id, text := range want {
		if have[id] != text {
			t.Errorf("%s: acknowledged utterance %s %q reads %q", call, id, text, have[id])
		}
	}
}

// checkTerminals reads the log itself: every analysis that was accepted has exactly one terminal event on it.
func checkTerminals(t *testing.T, w *world, p *promise) {
	t.Helper()
	b, err := broker.Start(t.Context(), broker.Config{DataDir: w.data, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Stop(context.Background()) }()
	l, err := stream.Open(b.Conn(), stream.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ends := map[string]int{}
	requested := map[string]bool{}
	all := stream.NewGuard(subject.Calls, subject.All(subject.NounCall))
	err = l.Between(t.Context(), all, 0, 1<<62, func(m stream.Message) error {
		var event eventv1.CallEvent
		if err := proto.Unmarshal(m.Data, &event); err != nil {
			return err
		}
		for _, a := range event.GetRequested().GetAnalyses() {
			requested[a.GetId()] = true
		}
		for _, o := range []*eventv1.Outcome{
			event.GetCompleted().GetOutcome(), event.GetFailed().GetOutcome(), event.GetCancelled().GetOutcome(),
		} {
			if o != nil {
				ends[o.GetAnalysisId()]++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range slices.Sorted(maps.Keys(p.accepted)) {
		if !requested[id] || ends[id] != 1 {
			t.Errorf("analysis %s was accepted; on the log: %v, ended %d times", id, requested[id], ends[id])
		}
	}
	for id, n := range ends {
		if n != 1 {
			t.Errorf("analysis %s ended %d times", id, n)
		}
	}
}
