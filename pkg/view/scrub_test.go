package view_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/pkg/view"
)

// holds tells whether a view's file holds some text.
func holds(t *testing.T, path, text string) bool {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(data, []byte(text))
}

// fill puts many values into a view, some of them larger than a page, and removes all but one again.
func fill(t *testing.T, v *view.View) {
	t.Helper()
	for i := range 60 {
		put(t, v, uint64(i+1), "a", fmt.Sprint("gone-key-", i), strings.Repeat("gone-value ", 1+i*20))
	}
	put(t, v, 61, "b", "kept-key", "kept-value")
	for i := range 60 {
		seq := uint64(62 + i)
		err := v.Apply(view.Mark{Stream: "S", Sequence: seq}, nil, func(tx *view.Tx) error {
			return errors.Join(tx.Delete("a", []byte(fmt.Sprint("gone-key-", i))), tx.Forget())
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func owes(t *testing.T, v *view.View) bool {
	t.Helper()
	owed, err := v.Owes()
	if err != nil {
		t.Fatal(err)
	}
	return owed
}

func TestWhatIsForgottenIsNotInTheFile(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	v := open(t, cfg)
	if owes(t, v) {
		t.Error("a new view owes something")
	}
	fill(t, v)
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	v = open(t, cfg) // what is owed outlives the process
	if !owes(t, v) || !holds(t, cfg.Path, "gone-value") {
		t.Fatal("nothing is left to be scrubbed")
	}
	if err := v.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	if owes(t, v) || holds(t, cfg.Path, "gone-value") || !holds(t, cfg.Path, "kept-value") {
		t.Errorf("owes %v, holds what is gone: %v, what was kept: %v",
			owes(t, v), holds(t, cfg.Path, "gone-value"), holds(t, cfg.Path, "kept-value"))
	}
	put(t, v, 200, "a", "k", strings.Repeat("new", 5000)) // free pages are good for new things
	if err := errors.Join(v.Verify(), v.Close()); err != nil {
		t.Fatal(err)
	}
	v = open(t, cfg)
	defer v.Close()
	if err := v.Verify(); err != nil {
		t.Error(err)
	}
}

// A read that is under way may look at pages that were freed since; it is waited for, while others go on.
func TestAScrubWaitsForTheReadsThatMaySeeWhatIsRemoved(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	v := open(t, cfg)
	defer v.Close()
	put(t, v, 1, "a", "k", strings.Repeat("old", 9000))
	reading, look, seen := make(chan struct{}), make(chan struct{}), make(chan string, 1)
	go func() {
		_ = v.Read(func(tx *view.Tx) error {
			close(reading)
			<-look
			seen <- string(tx.Get("a", []byte("k")))
			return nil
		})
	}()
	<-reading
	err := v.Apply(view.Mark{Stream: "S", Sequence: 2}, nil, func(tx *view.Tx) error {
		return errors.Join(tx.Delete("a", []byte("k")), tx.Forget())
	})
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := v.Scrub(short); !errors.Is(err, context.DeadlineExceeded) || !owes(t, v) {
		t.Errorf("a scrub past a read: %v, owed %v", err, owes(t, v))
	}
	if err := v.Read(func(*view.Tx) error { return nil }); err != nil {
		t.Error(err)
	}
	close(look)
	if got := <-seen; got != strings.Repeat("old", 9000) {
		t.Errorf("the read saw %d bytes of something else", len(got))
	}
	if err := v.Scrub(t.Context()); err != nil || holds(t, cfg.Path, "oldold") {
		t.Errorf("afterwards: %v, still there %v", err, holds(t, cfg.Path, "oldold"))
	}
}
