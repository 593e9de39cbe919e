package follow_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/pkg/follow"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
	"github.com/kikigaki/kikigaki/pkg/view"
)

// thing is what lies under one guard: the words that came, in their order.
type thing struct {
	Words []string `json:"words"`
	Last  uint64   `json:"last"`
}

// said is one request: a word, and where it came to stand.
type said struct {
	at    string // the subject
	word  string
	place int
}

// grouped is a follower whose writes are brought together.
type grouped struct {
	follower *follow.Follower
	group    *follow.Group[*said]
	events   atomic.Int64 // that were decided upon
}

func subjectOf(name string) string { return "test.words." + name }

func guardOf(name string) stream.Guard { return stream.NewGuard("WORDS", subjectOf(name)) }

func readThing(tx *view.Tx, subject string) (out thing) {
	if value := tx.Get("things", []byte(subject)); value != nil {
		if err := json.Unmarshal(value, &out); err != nil {
			panic(err) //nolint:forbidigo // a test's own encoding
		}
	}
	return out
}

func applyWords(tx *view.Tx, m stream.Message) error {
	at := readThing(tx, m.Subject)
	var words []string
	if err := json.Unmarshal(m.Data, &words); err != nil {
		return err
	}
	at.Words, at.Last = append(at.Words, words...), m.Sequence
	value, err := json.Marshal(at)
	if err != nil {
		return err
	}
	return tx.Put("things", []byte(m.Subject), value)
}

func newGrouped(t *testing.T, log *stream.Log) *grouped {
	t.Helper()
	g := &grouped{follower: follow.New(follow.Config{
		Log: log, Path: t.TempDir() + "/view.db", Buckets: []string{"things"}, Format: "1",
		Streams: []string{"WORDS"}, Apply: applyWords,
	})}
	if err := g.follower.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var ids atomic.Int64
	prefix := fmt.Sprintf("%p", g)
	g.group = follow.NewGroup(follow.GroupConfig[*said]{
		Follower: g.follower, Stream: "WORDS",
		Expected: func(tx *view.Tx, r *said) uint64 { return readThing(tx, r.at).Last },
		Decide: func(tx *view.Tx, settling, requests []*said) (*stream.Event, error) {
			g.events.Add(1)
			at := readThing(tx, requests[0].at)
			for _, r := range settling {
				if !slices.Contains(at.Words, r.word) {
					at.Words = append(at.Words, r.word)
				}
			}
			var words []string
			for _, r := range requests {
				words = append(words, r.word)
				r.place = len(at.Words) + len(words)
			}
			data, err := json.Marshal(words)
			return &stream.Event{Subject: requests[0].at, Data: data}, err
		},
		NewID: func() string { return fmt.Sprint(prefix, "-", ids.Add(1)) },
		Size:  func(r *said) int { return len(r.word) + 10 }, MaxEvent: 4096, MaxRequests: 100, MaxWaiting: 64 << 10, Worthwhile: 3,
	})
	run, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { g.group.Run(run) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		if err := g.follower.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return g
}

func openWords(t *testing.T, logs ...*stream.Log) {
	t.Helper()
	for _, l := range logs {
		_, _, err := l.Declare(t.Context(), stream.Declaration{
			Name: "WORDS", Subjects: []string{"test.words.*"}, MaxBytes: 64 << 20, Batches: true,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// speak lets many say many words under many guards at once, and then sees that each stands where its speaker was told.
func speak(t *testing.T, groups []*grouped, speakers, words, things int) {
	t.Helper()
	type told struct {
		thing, word string
		place       int
	}
	var mu sync.Mutex
	var all []told
	var group sync.WaitGroup
	for s := range speakers {
		group.Go(func() {
			g := groups[s%len(groups)]
			for n := range words {
				name := fmt.Sprint("t", rand.IntN(things))
				r := &said{at: subjectOf(name), word: fmt.Sprintf("%d.%d", s, n)}
				if _, err := g.group.Do(t.Context(), guardOf(name), r); err != nil {
					t.Errorf("%s: %v", r.word, err)
					return
				}
				mu.Lock()
				all = append(all, told{name, r.word, r.place})
				mu.Unlock()
			}
		})
	}
	group.Wait()
	stored := 0
	err := groups[0].follower.Newest(t.Context(), stream.NewGuard("WORDS", ">"))
	if err != nil {
		t.Fatal(err)
	}
	err = groups[0].follower.Read(func(tx *view.Tx) error {
		for n := range things {
			stored += len(readThing(tx, subjectOf(fmt.Sprint("t", n))).Words)
		}
		for _, w := range all {
			at := readThing(tx, subjectOf(w.thing))
			if w.place < 1 || w.place > len(at.Words) || at.Words[w.place-1] != w.word {
				t.Errorf("%s is not at %d of %s", w.word, w.place, w.thing)
			}
		}
		return nil
	})
	if err != nil || stored != speakers*words {
		t.Errorf("%d words are stored, %d were said; %v", stored, speakers*words, err)
	}
}

func TestWhatIsBroughtTogetherIsStoredOnceAndWhereItsSpeakerWasTold(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	openWords(t, b.log)
	g := newGrouped(t, b.log)
	speak(t, []*grouped{g}, 40, 25, 12)
	if n := g.events.Load(); n >= 1000 {
		t.Errorf("1000 words were decided upon %d times: nothing was brought together", n)
	}
}

// Two replicas write under the same guards: each is refused again and again, alone and in batches.
func TestGroupsOfTwoReplicasAgreeOnEveryPlace(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	other, err := stream.Open(b.server.Conn(t), stream.Config{})
	if err != nil {
		t.Fatal(err)
	}
	openWords(t, b.log, other)
	speak(t, []*grouped{newGrouped(t, b.log), newGrouped(t, other)}, 24, 12, 8)
}

func TestGroupsOfTwoReplicasAgreeOverACluster(t *testing.T) {
	t.Parallel()
	c := streamtest.StartCluster(t)
	var logs []*stream.Log
	for i := range 2 {
		l, err := stream.Open(c.ConnTo(t, i), stream.Config{Replicas: 3})
		if err != nil {
			t.Fatal(err)
		}
		logs = append(logs, l)
	}
	openWords(t, logs...)
	speak(t, []*grouped{newGrouped(t, logs[0]), newGrouped(t, logs[1])}, 16, 8, 6)
}

// While nothing is written nobody gets in beyond the bound; a request that gives up leaves no one waiting.
func TestMoreThanMayWaitWaitsOutside(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	openWords(t, b.log)
	f := newGrouped(t, b.log).follower
	g := follow.NewGroup(follow.GroupConfig[*said]{
		Follower: f, Stream: "WORDS", MaxWaiting: 100, Size: func(*said) int { return 60 },
		NewID: func() string { return "x" },
	})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	var group sync.WaitGroup
	var refused atomic.Int64
	for range 3 {
		group.Go(func() {
			if _, err := g.Do(ctx, guardOf("a"), &said{}); err != nil {
				refused.Add(1)
			}
		})
	}
	group.Wait()
	if refused.Load() != 3 {
		t.Errorf("%d of 3 were told", refused.Load())
	}
	ended, end := context.WithCancel(t.Context())
	end()
	g.Run(ended)
	if _, err := g.Do(t.Context(), guardOf("a"), &said{}); err == nil {
		t.Error("a group that has ended takes requests")
	}
}
