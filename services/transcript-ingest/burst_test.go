package ingest

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Over any stretch of time a token is let through its burst and its rate, no more, and who waits as told is let through.
func TestATokenHasItsBurstAndItsRate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		rate, burst := rapid.Uint32Range(1, 100).Draw(rt, "rate"), rapid.Uint32Range(1, 50).Draw(rt, "burst")
		b := newBursts(10)
		now := time.Unix(1_700_000_000, 0)
		var let []time.Time
		for range rapid.IntRange(1, 200).Draw(rt, "requests") {
			now = now.Add(time.Duration(rapid.IntRange(0, 200).Draw(rt, "pause")) * time.Millisecond)
			wait, ok := b.admit("t", now, rate, burst)
			if ok != (wait == 0) {
				rt.Fatal(wait, ok)
			}
			if !ok {
				if _, early := b.admit("t", now.Add(wait-1), rate, burst); early {
					rt.Fatalf("told to wait %v, let through before", wait)
				}
				now = now.Add(wait)
				if again, ok := b.admit("t", now, rate, burst); !ok {
					rt.Fatalf("waited %v, and has to wait %v", wait, again)
				}
			}
			let = append(let, now)
			for i, from := range let {
				most := float64(burst) + now.Sub(from).Seconds()*float64(rate) + 1e-6
				if n := len(let) - i; float64(n) > most+1e-3*float64(n) {
					rt.Fatalf("%d in %v, at %d a second and %d at once", n, now.Sub(from), rate, burst)
				}
			}
		}
	})
}

func TestTokensDoNotHinderOneAnotherAndAreForgotten(t *testing.T) {
	t.Parallel()
	b := newBursts(3)
	now := time.Unix(1_700_000_000, 0)
	admit := func(token string, want bool) {
		t.Helper()
		if _, ok := b.admit(token, now, 1, 1); ok != want {
			t.Errorf("%s: %t", token, ok)
		}
	}
	admit("a", true)
	admit("a", false)
	admit("b", true)
	admit("c", true)
	admit("a", false) // the one heard of last
	admit("d", true)  // in the place of b
	admit("a", false)
	admit("b", true) // forgotten, and so new
	for i := range 100 {
		admit(fmt.Sprint(i), true)
	}
	if len(b.known) != 3 || b.order.Len() != 3 {
		t.Errorf("%d tokens are known, %d in order", len(b.known), b.order.Len())
	}
}
