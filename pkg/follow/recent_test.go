package follow

import (
	"fmt"
	"testing"

	"github.com/kikigaki/kikigaki/pkg/view"
)

func TestTheNewestEventsAreKnownByTheirIds(t *testing.T) {
	t.Parallel()
	var r recent
	if _, ok := r.sequence("e1"); ok {
		t.Error("it knows what never was")
	}
	const all = 3*view.Remembered + 7
	for n := 1; n <= all; n++ {
		r.add(fmt.Sprint("e", n), uint64(n))
	}
	for n := 1; n <= all; n++ {
		seq, ok := r.sequence(fmt.Sprint("e", n))
		if want := n > all-view.Remembered; ok != want || ok && seq != uint64(n) {
			t.Errorf("event %d: %d, %v", n, seq, ok)
		}
	}
	if len(r.at) != view.Remembered || len(r.ids) != view.Remembered {
		t.Errorf("%d ids and %d places are kept", len(r.at), len(r.ids))
	}
}
