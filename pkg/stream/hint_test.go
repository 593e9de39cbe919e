package stream_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
)

func TestHintsReachWhoListens(t *testing.T) {
	t.Parallel()
	server := streamtest.Start(t)
	log := open(t, server.Conn(t), 1)
	ctx, enough := context.WithCancel(within(t, 30*time.Second))
	heard, done := make(chan string, 16), make(chan error, 1)
	go func() {
		done <- log.Hints(ctx, "hint.*.words", func(subject string, data []byte) {
			select {
			case heard <- subject + " " + string(data):
			default:
			}
		})
	}()
	say := func(n int) {
		for _, subject := range []string{"hint.other.more", "hint.a.words"} {
			if err := log.Hint(t.Context(), subject, fmt.Append(nil, n)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for n := 0; ; n++ { // those before the listening began are lost
		say(n)
		select {
		case got := <-heard:
			if got > fmt.Sprint("hint.a.words ", n) || got[:13] != "hint.a.words " {
				t.Errorf("heard %q", got)
			}
		case <-time.After(10 * time.Millisecond):
			continue
		}
		break
	}
	enough()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("listening ended with %v", err)
	}
}

func TestAHintOfMoreThanItsLimitIsRefused(t *testing.T) {
	t.Parallel()
	log := open(t, streamtest.Start(t).Conn(t), 1)
	if err := log.Hint(t.Context(), "hint.a", make([]byte, stream.MaxHint)); err != nil {
		t.Error(err)
	}
	if err := log.Hint(t.Context(), "hint.a", make([]byte, stream.MaxHint+1)); !errors.Is(err, stream.ErrHintTooLarge) {
		t.Errorf("%v", err)
	}
}

func TestHintsOfAClosedConnectionEnd(t *testing.T) {
	t.Parallel()
	nc := streamtest.Start(t).Conn(t)
	log := open(t, nc, 1)
	done := make(chan error, 1)
	go func() { done <- log.Hints(t.Context(), "hint.>", func(string, []byte) {}) }()
	nc.Close()
	if err := <-done; fault.KindOf(err) != fault.Unavailable {
		t.Errorf("listening ended with %v", err)
	}
	if err := log.Hint(t.Context(), "hint.a", nil); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("hinting: %v", err)
	}
}

func TestAStreamTellsTheTimeOfTheServer(t *testing.T) {
	t.Parallel()
	log := open(t, streamtest.Start(t).Conn(t), 1)
	info, err := log.Info(t.Context(), name)
	if err != nil || info.Asked.Before(info.Created) || time.Since(info.Asked) > time.Minute {
		t.Errorf("%+v, %v", info, err)
	}
}
