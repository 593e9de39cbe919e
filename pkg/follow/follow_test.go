package follow_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kikigaki/kikigaki/pkg/follow"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
	"github.com/kikigaki/kikigaki/pkg/view"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const all = "test.thing.>"

func declaration(name, subject string, per int64) stream.Declaration {
	return stream.Declaration{Name: name, Subjects: []string{subject}, PerSubject: per, MaxBytes: 64 << 20}
}

// bench is one log and the means to open followers over it.
type bench struct {
	t      *testing.T
	server *streamtest.Server
	log    *stream.Log
	logged *logged

	earlier string // a copy of the store, see keepCopy
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, server: streamtest.Start(t), logged: &logged{}}
	b.connect()
	return b
}

func (b *bench) connect() {
	b.t.Helper()
	l, err := stream.Open(b.server.Conn(b.t), stream.Config{})
	if err != nil {
		b.t.Fatal(err)
	}
	b.log = l
	for _, d := range []stream.Declaration{declaration("ALL", all, 0), declaration("NEWEST", "test.newest.>", 1)} {
		if _, _, err := l.Declare(b.t.Context(), d); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *bench) keepCopy() {
	b.t.Helper()
	b.earlier = filepath.Join(b.t.TempDir(), "earlier")
	if err := os.CopyFS(b.earlier, os.DirFS(b.server.StoreDir())); err != nil {
		b.t.Fatal(err)
	}
}

// logged collects what a follower says.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) has(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), s)
}

func (b *bench) follower(path string) *follow.Follower {
	return follow.New(follow.Config{
		Log: b.log, Path: path, Buckets: []string{"things"}, Format: "1", Streams: []string{"ALL", "NEWEST"},
		Apply: func(tx *view.Tx, m stream.Message) error {
			if strings.HasSuffix(m.Subject, ".poison") {
				return errors.New("poison")
			}
			return tx.Put("things", []byte(m.Subject), m.Data)
		},
		Logger: slog.New(slog.NewTextHandler(b.logged, nil)),
	})
}

func (b *bench) start(path string) *follow.Follower {
	b.t.Helper()
	f := b.follower(path)
	if err := f.Start(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = f.Stop(context.Background()) })
	return f
}

func (b *bench) stop(f *follow.Follower) {
	b.t.Helper()
	if err := f.Stop(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) write(f *follow.Follower, streamName, at, text string) stream.Position {
	b.t.Helper()
	g := stream.NewGuard(streamName, at)
	p, err := f.Commit(b.t.Context(), g, at+text, func(*view.Tx) (*stream.Event, error) {
		return &stream.Event{Subject: at, Data: []byte(text)}, nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

func get(t *testing.T, f *follow.Follower, at string) (text string) {
	t.Helper()
	if err := f.Read(func(tx *view.Tx) error { text = string(tx.Get("things", []byte(at))); return nil }); err != nil {
		t.Fatal(err)
	}
	return text
}

func ready(t *testing.T, f *follow.Follower) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		if f.Ready(t.Context()) == nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("not ready: %v", f.Ready(t.Context()))
}

func TestAWriteIsSeenByTheReadBehindItOnEveryReplica(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one, two := b.start(filepath.Join(t.TempDir(), "1.db")), b.start(filepath.Join(t.TempDir(), "2.db"))
	for n := range 50 {
		at, text := fmt.Sprintf("test.thing.%d", n%7), fmt.Sprint(n)
		p := b.write(one, "ALL", at, text)
		if got := get(t, one, at); got != text {
			t.Fatalf("the writer's replica has %q, want %q", got, text)
		}
		if err := two.WaitPosition(t.Context(), p.Encode()); err != nil {
			t.Fatal(err)
		}
		if got := get(t, two, at); got != text {
			t.Fatalf("the other replica has %q, want %q", got, text)
		}
	}
	a, _ := one.View().Sums()
	c, _ := two.View().Sums()
	if a["things"] != c["things"] || a["things"] == (view.Sum{}) {
		t.Fatalf("sums %v and %v", a, c)
	}
}

func TestAPositionThatDoesNotComeIsUnavailable(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	f := b.start(filepath.Join(t.TempDir(), "v.db"))
	p := b.write(f, "ALL", "test.thing.a", "x")
	p[0].Sequence += 10
	begun := time.Now()
	if err := f.WaitPosition(t.Context(), p.Encode()); err == nil || time.Since(begun) < time.Second {
		t.Fatalf("%v after %s", err, time.Since(begun))
	}
	p[0].Incarnation = "another"
	if err := f.WaitPosition(t.Context(), p.Encode()); err != nil {
		t.Fatalf("a position of another incarnation says nothing, got %v", err)
	}
}

func TestADeletedViewComesBackEqual(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	dir := t.TempDir()
	f := b.start(filepath.Join(dir, "v.db"))
	for n := range 300 {
		b.write(f, []string{"ALL", "NEWEST"}[n%2], fmt.Sprintf("test.%s.%d", []string{"thing", "newest"}[n%2], n%11), fmt.Sprint(n))
	}
	before, _ := f.View().Sums()
	b.stop(f)
	again := b.start(filepath.Join(dir, "another.db"))
	ready(t, again)
	if after, _ := again.View().Sums(); after["things"] != before["things"] {
		t.Fatalf("sums %v, were %v", after, before)
	}
}

func TestAViewIsKeptWhereTheLogHasOnlyGoneOn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	path := filepath.Join(t.TempDir(), "v.db")
	f := b.start(path)
	other := b.start(filepath.Join(t.TempDir(), "other.db"))
	for n := range 20 {
		b.write(f, "NEWEST", fmt.Sprintf("test.newest.%d", n), "old")
	}
	b.stop(f)
	for n := range 19 { // all but one of the remembered are gone, each for a newer one
		b.write(other, "NEWEST", fmt.Sprintf("test.newest.%d", n), "new")
	}
	f = b.start(path)
	ready(t, f)
	if b.logged.has("does not fit") {
		t.Fatalf("a good view was thrown away: %s", b.logged.text.String())
	}
	if got := get(t, f, "test.newest.3"); got != "new" {
		t.Fatalf("got %q", got)
	}
}

// A log that does not fit the view any more: each case breaks it in its own way.
func TestAViewThatDoesNotFitIsMadeAnew(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		harm func(t *testing.T, b *bench)
		says string
	}{
		"hole":        {punch, "is missing"},
		"recreated":   {recreate, "incarnation"},
		"rolled back": {rollBack, "ends at 5"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			path := filepath.Join(t.TempDir(), "v.db")
			f := b.start(path)
			for n := range 10 {
				if n == 5 {
					b.keepCopy()
				}
				b.write(f, "ALL", fmt.Sprintf("test.thing.%d", n), "x")
			}
			b.stop(f)
			c.harm(t, b)
			f = b.start(path)
			ready(t, f)
			if !b.logged.has(c.says) {
				t.Fatalf("logged: %s", b.logged.text.String())
			}
			if aside, _ := filepath.Glob(path + ".aside-*"); len(aside) != 1 {
				t.Fatalf("the old view must be kept aside, found %v", aside)
			}
			if want := ""; name == "recreated" && get(t, f, "test.thing.3") != want {
				t.Fatal("the new view holds what the new log does not")
			}
		})
	}
}

func punch(t *testing.T, b *bench) {
	t.Helper()
	b.server.Punch(t, "ALL", 5)
}

func recreate(t *testing.T, b *bench) {
	t.Helper()
	b.server.Drop(t, "ALL")
	b.connect()
	f := b.start(filepath.Join(t.TempDir(), "writer.db"))
	for n := range 20 {
		b.write(f, "ALL", fmt.Sprintf("test.thing.new%d", n), "x")
	}
	b.stop(f)
}

// rollBack puts the store back to how it was five messages ago, as a power cut does to a server that does not sync.
func rollBack(t *testing.T, b *bench) {
	t.Helper()
	b.server.Close()
	if err := os.RemoveAll(b.server.StoreDir()); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(b.server.StoreDir(), os.DirFS(b.earlier)); err != nil {
		t.Fatal(err)
	}
	b.server.Restart(t)
	b.connect()
}

func TestAMessageThatCannotBeAppliedStopsTheFollower(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	f := b.start(filepath.Join(t.TempDir(), "v.db"))
	ready(t, f)
	g := stream.NewGuard("ALL", "test.thing.poison")
	if _, err := b.log.Append(t.Context(), g, 0, stream.Event{ID: "p", Subject: "test.thing.poison"}); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); f.Ready(t.Context()) == nil; {
		if time.Now().After(end) {
			t.Fatal("still ready with a hole in the view")
		}
		time.Sleep(time.Millisecond)
	}
	if err := f.Ready(t.Context()); !strings.Contains(err.Error(), "test.thing.poison") {
		t.Fatalf("got %v", err)
	}
}
