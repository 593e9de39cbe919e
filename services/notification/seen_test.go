package notify

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// done and failed make an account's own outcomes.
func done(sequences ...uint64) (list []own) {
	for _, s := range sequences {
		list = append(list, own{sequence: s})
	}
	return list
}

func failed(s uint64) own { return own{sequence: s, failed: true} }

func TestSeenByPositionAndOneByOne(t *testing.T) {
	t.Parallel()
	all := []own{{sequence: 3}, failed(5), {sequence: 8}, failed(9)}
	above := func(s seen) []own {
		return slices.DeleteFunc(slices.Clone(all), func(o own) bool { return o.sequence <= s.upTo })
	}
	var s seen
	step := func(what string, next seen, moved, wantMoved bool, want ...uint64) {
		t.Helper()
		if moved != wantMoved {
			t.Errorf("%s: moved is %v", what, moved)
		}
		s = next
		if got := s.unseen(above(s)); !slices.Equal(got, want) {
			t.Errorf("%s: unseen are %v, want %v", what, got, want)
		}
	}
	mark := func(upTo uint64) (seen, bool) { return s.mark(upTo, above(s)) }
	ack := func(o own) (seen, bool) { return s.acknowledge(o, above(s)) }

	step("at first", s, false, false, 3, 5, 8, 9)
	next, moved := mark(2)
	step("nothing of its own below", next, moved, false, 3, 5, 8, 9)
	next, moved = mark(6)
	step("a completion is passed, a failure stays", next, moved, true, 5, 8, 9)
	next, moved = mark(4)
	step("never back", next, moved, false, 5, 8, 9)
	next, moved = ack(failed(9))
	step("a failure above the position", next, moved, true, 5, 8)
	next, moved = ack(failed(9))
	step("once more", next, moved, false, 5, 8)
	next, moved = mark(9)
	step("an acknowledged failure does not come back", next, moved, true, 5)
	next, moved = ack(failed(5))
	step("a failure below the position", next, moved, true)
	next, moved = ack(own{sequence: 3})
	step("a completion long seen", next, moved, false)
	if len(s.open) != 0 || len(s.acked) != 0 {
		t.Errorf("something is left: %+v", s)
	}
}

func TestAcknowledgingOneByOneKeepsTheStateShort(t *testing.T) {
	t.Parallel()
	all := done(1, 2, 3, 4)
	var s seen
	for _, n := range []uint64{2, 4, 1} {
		s, _ = s.acknowledge(own{sequence: n}, all[s.upTo:])
	}
	if s.upTo != 2 || !slices.Equal(s.acked, []uint64{4}) {
		t.Errorf("2, 4 and 1 of 4 acknowledged: %+v", s)
	}
}

func TestWhatIsUnseenIsBounded(t *testing.T) {
	t.Parallel()
	var above []own
	for n := uint64(1); n <= 3000; n++ {
		above = append(above, own{sequence: n, failed: n%2 == 0})
	}
	count := func(list []uint64) (failures, others int) {
		for _, n := range list {
			if n%2 == 0 {
				failures++
			} else {
				others++
			}
		}
		return failures, others
	}
	list := seen{}.unseen(above)
	if f, o := count(list); f != maxOpenFailures || o != maxUnseen || list[len(list)-1] != 3000 {
		t.Errorf("%d failures and %d others are unseen, the last is %d", f, o, list[len(list)-1])
	}
	s, _ := seen{}.mark(3000, above)
	if len(s.open) != maxOpenFailures || s.open[0] != 2602 {
		t.Errorf("%d failures are open, the oldest is %d", len(s.open), s.open[0])
	}
	s = seen{}
	for i := len(above) - 1; i > 0; i-- { // from the newest on, so that the position cannot follow
		s, _ = s.acknowledge(above[i], slices.DeleteFunc(slices.Clone(above[:1]), func(o own) bool { return o.sequence <= s.upTo }))
		if len(s.acked) > maxUnseen {
			t.Fatalf("%d outcomes are noted one by one", len(s.acked))
		}
	}
}

// Whatever an account does, an outcome leaves its list by the two ways there are, and never comes back.
func TestSeenAgainstAModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s seen
		var all []own
		gone := map[uint64]bool{}
		above := func() []own {
			return slices.DeleteFunc(slices.Clone(all), func(o own) bool { return o.sequence <= s.upTo })
		}
		last := uint64(0)
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				var want []uint64
				for _, o := range all {
					if !gone[o.sequence] {
						want = append(want, o.sequence)
					}
				}
				if got := s.unseen(above()); !slices.Equal(got, want) {
					t.Fatalf("unseen are %v, want %v (%+v)", got, want, s)
				}
			},
			"outcome": func(t *rapid.T) {
				last += rapid.Uint64Range(1, 3).Draw(t, "gap")
				all = append(all, own{sequence: last, failed: rapid.Bool().Draw(t, "failed")})
			},
			"mark": func(t *rapid.T) {
				upTo := rapid.Uint64Range(0, last).Draw(t, "upTo")
				s, _ = s.mark(upTo, above())
				for _, o := range all {
					if o.sequence <= upTo && !o.failed {
						gone[o.sequence] = true
					}
				}
			},
			"acknowledge": func(t *rapid.T) {
				if len(all) == 0 {
					return
				}
				o := rapid.SampledFrom(all).Draw(t, "outcome")
				s, _ = s.acknowledge(o, above())
				gone[o.sequence] = true
			},
		})
	})
}
