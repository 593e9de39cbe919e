package story_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
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
	"github.com/kikigaki/kikigaki/services/simulator"
	"github.com/kikigaki/kikigaki/services/story/history"
)

// campaign is publishers, askers and screens that go on while the system is killed under them, and the history of what
// each of them saw. The history is judged by itself, and can be judged again: go run ./services/story/check DIR.
type campaign struct {
	t      *testing.T
	w      *world
	dir    string
	h      *history.Recorder
	admin  *person
	prompt string
	proven int // requests to the provider that only proved the key

	screens []*screen
	writers sync.WaitGroup
	heard   sync.WaitGroup
	stop    context.CancelFunc // writing
	quiet   context.CancelFunc // listening

	mu    sync.Mutex
	calls map[string]bool
}

// begin starts a campaign on a system that runs.
func begin(t *testing.T, w *world, writers int) *campaign {
	t.Helper()
	c := &campaign{t: t, w: w, dir: historyDir(t), calls: map[string]bool{}}
	var err error
	if c.h, err = history.Open(c.dir); err != nil {
		t.Fatal(err)
	}
	c.admin = w.logIn("admin", adminPassword)
	c.prompt = c.admin.prompt(c.admin.key(w.base), "about")
	c.proven = len(w.provider.Ledger())
	listening, quiet := context.WithCancel(context.Background())
	writing, stop := context.WithCancel(context.Background())
	c.stop, c.quiet = stop, quiet
	t.Cleanup(func() { stop(); quiet(); c.writers.Wait(); c.heard.Wait() })
	for n := range 3 {
		c.screens = append(c.screens, c.listen(listening, fmt.Sprint("screen-", n)))
	}
	for n := range writers {
		c.writers.Go(func() { c.write(writing, fmt.Sprint("writer-", n)) })
	}
	return c
}

// historyDir is where a history is kept: under KIKIGAKI_HISTORIES for good, else until the test has passed.
func historyDir(t *testing.T) string {
	t.Helper()
	name := strings.ReplaceAll(t.Name(), "/", "-") + time.Now().UTC().Format("-20060102T150405.000")
	if kept := os.Getenv("KIKIGAKI_HISTORIES"); kept != "" {
		return filepath.Join(kept, name)
	}
	dir := filepath.Join(os.TempDir(), "kikigaki-histories", name)
	t.Cleanup(func() {
		if !t.Failed() {
			_ = os.RemoveAll(dir)
		}
	})
	return dir
}

// write makes calls, one after the other: words, analyses, the end. What is not acknowledged is sent again, as it was.
func (c *campaign) write(ctx context.Context, client string) {
	for n := 0; ctx.Err() == nil; n++ {
		call := fmt.Sprintf("%s.call-%d", client, n)
		c.mu.Lock()
		c.calls[call] = true
		c.mu.Unlock()
		for u := range 8 {
			c.say(ctx, client, call, u)
			if u == 3 || u == 6 {
				c.ask(ctx, client, call, fmt.Sprintf("%s.%d", call, u), n%5 == 4)
			}
		}
		c.until(ctx, func() int {
			try, _ := c.try(client, "POST", "/api/v1/calls/"+call+"/end", map[string]any{}, "")
			c.h.Add(history.Record{End: &history.End{Try: try, Call: call}})
			return try.Status
		})
	}
}

// until repeats what has no answer, or one that says to come again.
func (c *campaign) until(ctx context.Context, once func() int) {
	for ctx.Err() == nil {
		status := once()
		if status != 0 && status < http.StatusInternalServerError && status != http.StatusTooManyRequests {
			return
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// try makes one request and says when; an answer that did not come has the status 0.
func (c *campaign) try(client, method, path string, body any, key string) (history.Try, answer) {
	try := history.Try{Client: client, Started: c.h.Now()}
	a, err := c.admin.tryWith(method, path, body, map[string]string{"Idempotency-Key": key})
	try.Ended = c.h.Now()
	if err == nil {
		try.Status = a.status
	}
	return try, a
}

func (c *campaign) say(ctx context.Context, client, call string, u int) {
	text := fmt.Sprintf("Sentence %d of %s: もしもし。", u, call)
	c.until(ctx, func() int {
		try, _ := c.try(client, "POST", "/api/v1/calls/"+call+"/utterances", words(u, text), "")
		c.h.Add(history.Record{Say: &history.Say{Try: try, Call: call, UtteranceID: fmt.Sprint(u), Text: text}})
		return try.Status
	})
}

func (c *campaign) ask(ctx context.Context, client, call, key string, cancel bool) {
	var ids []string
	c.until(ctx, func() int {
		try, a := c.try(client, "POST", "/api/v1/calls/"+call+"/analyses", map[string]string{"promptId": c.prompt}, key)
		ids = nil
		if try.Status == http.StatusAccepted {
			var got struct{ Analyses []struct{ ID string } }
			if json.Unmarshal(a.body, &got) == nil {
				for _, one := range got.Analyses {
					ids = append(ids, one.ID)
				}
			}
		}
		c.h.Add(history.Record{Analyse: &history.Analyse{Try: try, Call: call, AnalysisIDs: ids, IdempotencyKey: key}})
		return try.Status
	})
	if !cancel {
		return
	}
	for _, id := range ids {
		try, _ := c.try(client, "POST", "/api/v1/analyses/"+id+"/cancel", map[string]any{}, "")
		c.h.Add(history.Record{Cancel: &history.Cancel{Try: try, AnalysisID: id}})
	}
}

// listen opens a screen as the console does: it asks as of when it knows everything, and listens from there.
func (c *campaign) listen(ctx context.Context, name string) *screen {
	c.t.Helper()
	var list struct{ AsOf string }
	c.admin.must(http.StatusOK, "GET", "/api/v1/notifications?unseen=true", nil).into(c.t, &list)
	s := &screen{p: c.admin, told: map[string]int{}, last: list.AsOf, had: map[string]bool{}}
	s.on = func(id, kind, analysis string) {
		c.h.Add(history.Record{Heard: &history.Heard{
			Screen: name, EventID: id, Type: kind, AnalysisID: analysis, Reset: kind == "reset",
		}})
	}
	c.heard.Go(func() { s.keepOpen(ctx, make(chan struct{}, 1)) })
	return s
}

// fault writes down what is done to the system, does it, and how long it took until all was ready again.
func (c *campaign) fault(kind, hit string, do func()) {
	c.h.Add(history.Record{Fault: &history.Fault{Kind: kind, Hit: hit}})
	begun := c.h.Now()
	do()
	c.h.Add(history.Record{Recovered: &history.Recovered{Kind: kind, Hit: hit, Took: c.h.Now() - begun}})
}

// end lets everything come to its end, reads all there is, and judges.
func (c *campaign) end() history.Report {
	c.t.Helper()
	c.stop()
	c.writers.Wait()
	calls := slices.Sorted(maps.Keys(c.calls))
	outcomes := map[string]bool{}
	for _, call := range calls {
		c.awaitOutcomes(call, outcomes)
	}
	for n, s := range c.screens {
		until(c.t, fmt.Sprintf("screen %d hears %d outcomes", n, len(outcomes)), time.Minute, func() bool { return s.hasHeard(outcomes) })
		c.h.Add(history.Record{Screen: &history.Screen{Screen: fmt.Sprint("screen-", n), Lived: true}})
	}
	for _, call := range calls {
		c.read(call)
	}
	c.quiet()
	c.heard.Wait()
	c.w.stop()
	c.readLog()
	for _, e := range c.w.provider.Ledger()[c.proven:] {
		c.h.Add(history.Record{Provider: providerRecord(e)})
	}
	if err := c.h.Close(); err != nil {
		c.t.Fatal(err)
	}
	h, err := history.Load(c.dir)
	if err != nil {
		c.t.Fatal(err)
	}
	report := history.Check(h)
	c.t.Logf("%s\n%v", c.dir, report)
	if !report.OK() {
		c.t.Error("the history shows violations")
	}
	return report
}

// awaitOutcomes waits until every analysis of a call has ended.
func (c *campaign) awaitOutcomes(call string, outcomes map[string]bool) {
	c.t.Helper()
	until(c.t, "every analysis of "+call+" ends", 90*time.Second, func() bool {
		a, err := c.admin.try("GET", "/api/v1/calls/"+url.PathEscape(call)+"/analyses", nil)
		if err != nil || a.status >= http.StatusInternalServerError {
			return false
		}
		var got struct{ Analyses []struct{ ID, State string } }
		if a.status == http.StatusNotFound {
			return true
		}
		a.into(c.t, &got)
		for _, one := range got.Analyses {
			if one.State == "queued" || one.State == "running" {
				return false
			}
			outcomes[one.ID] = true
		}
		return true
	})
}

func (c *campaign) read(call string) {
	c.t.Helper()
	var a answer
	until(c.t, call+" can be read", time.Minute, func() (answered bool) {
		var err error
		a, err = c.admin.try("GET", "/api/v1/calls/"+url.PathEscape(call)+"/transcript", nil)
		return err == nil && a.status < http.StatusInternalServerError // a view that is behind says so: it is asked again
	})
	if a.status == http.StatusNotFound {
		return // nothing of it was ever acknowledged, or the check finds what is missing
	}
	if a.status != http.StatusOK {
		c.t.Fatalf("reading %s: %d %s", call, a.status, a.body)
	}
	var got struct {
		Utterances []struct{ UtteranceID, Text string }
	}
	a.into(c.t, &got)
	r := &history.Read{Call: call, Utterances: []history.Utterance{}}
	for _, u := range got.Utterances {
		r.Utterances = append(r.Utterances, history.Utterance{ID: u.UtteranceID, Text: u.Text})
	}
	c.h.Add(history.Record{Read: r})
}

// readLog reads the history of all calls off the log itself, with nothing of ours in between but the reading.
func (c *campaign) readLog() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := c.w.withLog(ctx, func(l *stream.Log) error {
		all := stream.NewGuard(subject.Calls, subject.All(subject.NounCall))
		return l.Between(ctx, all, 0, 1<<62, func(m stream.Message) error {
			var event eventv1.CallEvent
			if err := proto.Unmarshal(m.Data, &event); err != nil {
				return err
			}
			record := history.OfCall(m.Stream, m.Subject, m.Sequence, m.Time, m.EventID, &event)
			c.h.Add(history.Record{Log: &record})
			return nil
		})
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

func providerRecord(e simulator.Entry) *history.Provider {
	return &history.Provider{
		RequestID: e.ClientRequestID, Endpoint: e.Endpoint, Time: e.At.UnixMicro(), Answered: e.Answered,
	}
}

// withLog looks at the log itself, while the services are stopped.
func (w *world) withLog(ctx context.Context, look func(*stream.Log) error) error {
	if w.servers != nil {
		return w.servers.withLog(ctx, look)
	}
	return withLog(ctx, broker.Config{DataDir: w.data}, look)
}
