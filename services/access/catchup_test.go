package access

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestManyWhoWaitShareOneQuestion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked int
		c := newCatchUp(func(context.Context) error { asked++; time.Sleep(5 * time.Millisecond); return nil })
		done := make(chan time.Duration)
		begin := time.Now()
		for n := range 1000 { // a thousand guesses within a second
			go func() {
				time.Sleep(time.Duration(n) * time.Millisecond)
				from := time.Now()
				if err := c.wait(t.Context()); err != nil {
					t.Error(err)
				}
				done <- time.Since(from)
			}()
		}
		var longest time.Duration
		for range 1000 {
			longest = max(longest, <-done)
		}
		if most := int(time.Since(begin)/catchUpGap) + 1; asked > most || asked < 2 {
			t.Errorf("asked %d times, want 2 to %d", asked, most)
		}
		if longest > 2*catchUpGap {
			t.Errorf("somebody waited %v", longest)
		}
	})
}

func TestAQuestionThatBeganBeforeIsNoAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var state, seen atomic.Int32
		c := newCatchUp(func(context.Context) error {
			now := state.Load()
			time.Sleep(time.Second)
			seen.Store(now)
			return nil
		})
		go func() { _ = c.wait(t.Context()) }()
		time.Sleep(time.Millisecond)
		state.Store(1) // behind the leader's answer to the first question
		if err := c.wait(t.Context()); err != nil || seen.Load() != 1 {
			t.Errorf("saw %d, %v", seen.Load(), err)
		}
	})
}

func TestWhoeverWaitsAsksAgainAfterAFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		errDown := errors.New("down")
		fail := true
		c := newCatchUp(func(context.Context) error {
			time.Sleep(time.Millisecond)
			if fail {
				fail = false
				return errDown
			}
			return nil
		})
		first := make(chan error, 1)
		go func() { first <- c.wait(t.Context()) }()
		synctest.Wait()
		if err := c.wait(t.Context()); err != nil {
			t.Errorf("the second got %v", err)
		}
		if err := <-first; !errors.Is(err, errDown) {
			t.Errorf("the first got %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := c.wait(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("who has hung up got %v", err)
		}
	})
}
