package stream_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
)

func TestDeclareKeepsTheIncarnation(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	l := open(t, s.Conn(t), 1)
	before, err := l.Info(t.Context(), name)
	if err != nil || before.Incarnation == "" {
		t.Fatalf("%+v, %v", before, err)
	}
	same, created, err := l.Declare(t.Context(), declaration())
	if err != nil || created || same.Incarnation != before.Incarnation {
		t.Fatalf("declared again: %+v, created %v, %v", same, created, err)
	}
	changed := declaration()
	changed.MaxBytes *= 2
	after, _, err := l.Declare(t.Context(), changed)
	if err != nil || after.Incarnation != before.Incarnation {
		t.Fatalf("a change gives %+v, %v: the incarnation must stay %q", after, err, before.Incarnation)
	}
}

func TestInfoOfNoStream(t *testing.T) {
	t.Parallel()
	l, err := stream.Open(streamtest.Start(t).Conn(t), stream.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Info(t.Context(), "NONE"); !errors.Is(err, stream.ErrNoStream) {
		t.Fatalf("got %v", err)
	}
	if _, _, err := l.Last(t.Context(), stream.NewGuard("NONE", ">")); !errors.Is(err, stream.ErrNoStream) {
		t.Fatalf("got %v", err)
	}
}

func TestTailGoesOnOverARestart(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	l := open(t, s.Conn(t), 1)
	ctx, cancel := context.WithCancel(t.Context())
	got, done := make(chan stream.Message, 100), make(chan error, 1)
	go func() { done <- l.Tail(ctx, name, 0, func(m stream.Message) { got <- m }) }()
	const each = 20
	for n := range each {
		write(t, l, n)
	}
	for n := range each {
		if m := receive(t, got); m.Sequence != uint64(n+1) {
			t.Fatalf("message %d comes as number %d", m.Sequence, n+1)
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	for n := range each {
		write(t, l, each+n)
	}
	s.Restart(t)
	again := open(t, s.Conn(t), 1)
	ctx, cancel = context.WithCancel(t.Context())
	go func() { done <- again.Tail(ctx, name, each, func(m stream.Message) { got <- m }) }()
	for n := range each {
		if m := receive(t, got); m.Sequence != uint64(each+n+1) {
			t.Fatalf("message %d comes as number %d", m.Sequence, each+n+1)
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

func write(t *testing.T, l *stream.Log, n int) {
	t.Helper()
	guard := stream.NewGuard(name, "test.call.t.w.>")
	at := fmt.Sprintf("test.call.t.w.%d", n)
	_, err := l.Commit(t.Context(), guard, at, func(context.Context, uint64) (*stream.Event, error) {
		return &stream.Event{Subject: at, Data: []byte(at)}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, from <-chan stream.Message) stream.Message {
	t.Helper()
	select {
	case m := <-from:
		return m
	case <-time.After(20 * time.Second):
		t.Fatal("no message within 20 s")
		return stream.Message{}
	}
}

func TestPositionsComeBackFromTheirToken(t *testing.T) {
	t.Parallel()
	p := stream.Position{{Stream: "A", Incarnation: "x1", Sequence: 7}, {Stream: "B", Incarnation: "y2", Sequence: 1 << 60}}
	back, err := stream.ParsePosition(p.Encode())
	if err != nil || len(back) != 2 || back[0] != p[0] || back[1] != p[1] {
		t.Fatalf("%v, %v", back, err)
	}
	for _, bad := range []string{"!", "YQ", "YTpiOmM", "YTpiOi0x"} {
		if _, err := stream.ParsePosition(bad); err == nil {
			t.Errorf("%q is taken for a position", bad)
		}
	}
}
