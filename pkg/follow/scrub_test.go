package follow_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/pkg/follow"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
)

// forgetful follows things whose tombstone is called gone: it removes all others for good.
func (b *bench) forgetful(path string) *follow.Follower {
	return follow.New(follow.Config{
		Log: b.log, Path: path, Buckets: []string{"things"}, Format: "1", Streams: []string{"ALL"},
		Apply: func(tx *view.Tx, m stream.Message) error {
			if m.Subject != "test.thing.gone" {
				return tx.Put("things", []byte(m.Subject), m.Data)
			}
			var keys [][]byte
			for k := range tx.Scan("things", nil, nil) {
				keys = append(keys, bytes.Clone(k))
			}
			for _, k := range keys {
				if err := tx.Delete("things", k); err != nil {
					return err
				}
			}
			return tx.Forget()
		},
		Tombstones: func(name, _ string) []stream.Guard { return []stream.Guard{stream.NewGuard(name, "test.thing.gone")} },
		Logger:     slog.New(slog.NewTextHandler(b.logged, nil)),
	})
}

// A tombstone on the log tells why messages are missing, also where the view was away when it was written; what lies
// behind it must still be there.
func TestATombstoneExplainsWhatIsMissingBeforeIt(t *testing.T) {
	t.Parallel()
	for name, punched := range map[string]uint64{"before": 3, "behind": 7} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			path := filepath.Join(t.TempDir(), "v.db")
			writer := b.start(filepath.Join(t.TempDir(), "other.db"))
			for n := range 5 {
				b.write(writer, "ALL", fmt.Sprintf("test.thing.%d", n), "x")
			}
			begin := func() *follow.Follower {
				f := b.forgetful(path)
				if err := f.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				ready(t, f)
				return f
			}
			if name == "before" { // it is away when the tombstone is written
				b.stop(begin())
			}
			b.write(writer, "ALL", "test.thing.gone", "")
			b.write(writer, "ALL", "test.thing.new", "x")
			if name == "behind" {
				b.stop(begin())
			}
			b.server.Punch(t, "ALL", punched)
			f := begin()
			defer b.stop(f)
			if alarm := b.logged.has("is missing"); alarm != (name == "behind") {
				t.Errorf("alarm %v: %s", alarm, b.logged.text.String())
			}
			if get(t, f, "test.thing.3") != "" {
				t.Error("what is gone is in the view")
			}
		})
	}
}

func TestWhatIsRemovedForGoodIsWipedFromTheViewsFile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	path := filepath.Join(t.TempDir(), "v.db")
	f := b.forgetful(path)
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	g := stream.NewGuard("ALL", all)
	for n, at := range []string{"test.thing.1", "test.thing.gone"} {
		if n == 1 && !bytes.Contains(file(t, path), []byte("marker")) {
			t.Fatal("the marker was never there")
		}
		_, err := f.Commit(t.Context(), g, fmt.Sprint("e", n), func(*view.Tx) (*stream.Event, error) {
			return &stream.Event{Subject: at, Data: []byte(strings.Repeat("marker ", 90_000))}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	b.stop(f) // before its time has come, if the machine is not slow: what is owed outlives the process
	if f = b.forgetful(path); f.Start(t.Context()) != nil {
		t.Fatal("it does not start again")
	}
	defer b.stop(f)
	for end := time.Now().Add(60 * time.Second); bytes.Contains(file(t, path), []byte("marker")); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the marker stays in the file")
		}
	}
}

func file(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
