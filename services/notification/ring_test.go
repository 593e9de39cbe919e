package notify

import (
	"slices"
	"testing"

	notificationv1 "github.com/kikigaki/kikigaki/proto/kikigaki/notification/v1"
)

func at(tenant string, sequence uint64) *outcome {
	return newOutcome(tenant, sequence, &notificationv1.Notification{CallId: "call-" + tenant})
}

func sequences(list []*outcome) (out []uint64) {
	for _, o := range list {
		out = append(out, o.sequence)
	}
	return out
}

func TestRingGivesEachTenantItsOwnInOrder(t *testing.T) {
	t.Parallel()
	r := newRing(8)
	r.append([]*outcome{at("a", 3), at("b", 5), at("a", 9)})
	r.append([]*outcome{at("b", 11), at("a", 12)})

	c := cursor{tenant: "a"}
	list, _, ok := r.read(&c, 2)
	if !ok || !slices.Equal(sequences(list), []uint64{3, 9}) {
		t.Fatalf("the first two are %v, %v", sequences(list), ok)
	}
	list, _, ok = r.read(&c, 2)
	if !ok || !slices.Equal(sequences(list), []uint64{12}) || c.number != 5 {
		t.Errorf("then %v up to %d, %v", sequences(list), c.number, ok)
	}
}

func TestRingWakesWhoWaits(t *testing.T) {
	t.Parallel()
	r := newRing(4)
	c := cursor{tenant: "a"}
	_, moved, _ := r.read(&c, 2)
	select {
	case <-moved:
		t.Fatal("an empty ring has moved")
	default:
	}
	r.append([]*outcome{at("a", 1)})
	select {
	case <-moved:
	default:
		t.Fatal("nobody was woken")
	}
	if list, _, _ := r.read(&c, 2); len(list) != 1 {
		t.Errorf("woken for %v", sequences(list))
	}
}

func TestRingCutsWhoItHasGoneOver(t *testing.T) {
	t.Parallel()
	r := newRing(4)
	for n := uint64(1); n <= 4; n++ {
		r.append([]*outcome{at("a", 10*n)})
	}
	if list, _, ok := r.read(&cursor{tenant: "a", number: 0}, 9); !ok || len(list) != 4 {
		t.Fatalf("a full ring gives %v, %v", sequences(list), ok)
	}
	r.append([]*outcome{at("b", 50)})
	if _, _, ok := r.read(&cursor{tenant: "a", number: 0}, 9); ok {
		t.Error("an outcome that was dropped is not missed")
	}
	if list, _, ok := r.read(&cursor{tenant: "a", number: 1}, 9); !ok || len(list) != 3 {
		t.Errorf("what is left is %v, %v", sequences(list), ok)
	}
}

func TestRingIsEnteredWithoutAGap(t *testing.T) {
	t.Parallel()
	r := newRing(4)
	for _, test := range []struct {
		name   string
		add    uint64 // appended before
		after  uint64
		number uint64
		ok     bool
	}{
		{"empty", 0, 7, 0, true},
		{"everything is still there", 10, 0, 0, true},
		{"behind the only one", 0, 10, 1, true},
		{"between", 20, 15, 1, true},
		{"at one", 30, 20, 2, true},
		{"full, from the start", 40, 0, 0, true},
		{"one is dropped, from the start", 50, 0, 1, false},
		{"from the one that was dropped", 0, 10, 1, false}, // nobody can tell any more that it was the last dropped
		{"from the oldest that is left", 0, 20, 2, true},
		{"beyond the end", 0, 70, 5, true},
	} {
		if test.add > 0 {
			r.append([]*outcome{at("a", test.add)})
		}
		if c, ok := r.enter("a", test.after); c.number != test.number || ok != test.ok {
			t.Errorf("%s: at %d, %v; want %d, %v", test.name, c.number, ok, test.number, test.ok)
		}
	}
}

// The view is ahead of the ring: a stream that was told everything by the view enters before the ring has it.
func TestRingDoesNotRepeatWhatTheViewTold(t *testing.T) {
	t.Parallel()
	r := newRing(4)
	r.append([]*outcome{at("a", 1)})
	c, ok := r.enter("a", 3)
	r.append([]*outcome{at("a", 2), at("a", 3), at("a", 4)})
	if list, _, _ := r.read(&c, 9); !ok || !slices.Equal(sequences(list), []uint64{4}) {
		t.Errorf("told is %v, %v", sequences(list), ok)
	}
}

func TestRingForgetsAnErasedCall(t *testing.T) {
	t.Parallel()
	r := newRing(4)
	r.append([]*outcome{at("a", 1), at("b", 2), at("a", 3)})
	r.forget("a", "call-a")
	r.append([]*outcome{at("a", 4)})
	if list, _, ok := r.read(&cursor{tenant: "a", number: 0}, 9); !ok || !slices.Equal(sequences(list), []uint64{4}) {
		t.Errorf("left are %v, %v", sequences(list), ok)
	}
	if list, _, _ := r.read(&cursor{tenant: "b", number: 0}, 9); len(list) != 1 {
		t.Errorf("of the other tenant are left %v", sequences(list))
	}
}

func TestFramesAreEncodedOnce(t *testing.T) {
	t.Parallel()
	o := at("a", 1)
	if one, two := o.frame(), o.frame(); &one[0] != &two[0] {
		t.Error("every stream has a frame of its own")
	}
}
