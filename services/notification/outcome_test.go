package notify

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
)

// history applies events to a view of its own, as a follower would.
type history struct {
	t    *testing.T
	view *view.View
	last uint64
	now  time.Time
}

func newHistory(t *testing.T) *history {
	t.Helper()
	v, err := view.Open(view.Config{Path: filepath.Join(t.TempDir(), "view.db"), Buckets: buckets(), Format: viewFormat})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	return &history{t: t, view: v, now: time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)}
}

func (h *history) add(at string, e *eventv1.CallEvent) uint64 {
	h.t.Helper()
	h.last++
	h.now = h.now.Add(time.Second)
	e.Meta = &eventv1.Meta{At: timestamppb.New(h.now)}
	data, err := proto.Marshal(e)
	if err != nil {
		h.t.Fatal(err)
	}
	m := stream.Message{Stream: subject.Calls, Subject: at, Sequence: h.last, Time: h.now, Data: data}
	err = h.view.Apply(view.Mark{Stream: subject.Calls, Sequence: h.last}, nil, func(tx *view.Tx) error {
		return apply(tx, m)
	})
	if err != nil {
		h.t.Fatalf("%s: %v", at, err)
	}
	return h.last
}

func (h *history) read(fn func(reader)) {
	h.t.Helper()
	err := h.view.Read(func(tx *view.Tx) error { fn(reader{tx: tx, incarnation: "INC"}); return nil })
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *history) all(tenant string) (list []*outcome) {
	h.t.Helper()
	h.read(func(r reader) {
		var err error
		if list, err = r.after(tenant, 0, 1000); err != nil {
			h.t.Fatal(err)
		}
	})
	return list
}

// entries counts what is in the view's buckets.
func (h *history) entries() (n int) {
	h.read(func(r reader) {
		for _, bucket := range buckets() {
			for range r.tx.Scan(bucket, nil, nil) {
				n++
			}
		}
	})
	return n
}

func TestACallsEndNamesTheCall(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	h.add(subject.Call("a", "c 1", subject.KindOpened), opened("old label"))
	h.add(subject.Call("a", "c 1", subject.KindChanged), changed("new label"))
	end := h.add(subject.Call("a", "c 1", subject.KindEnded), ended())
	h.add(subject.Call("a", "c 1", subject.KindChanged), changed("late"))

	list := h.all("a")
	if len(list) != 1 {
		t.Fatalf("%d outcomes", len(list))
	}
	n := list[0].note
	if n.GetCallLabel() != "new label" || n.GetAgentName() != "Agent" || n.GetCallId() != "c 1" || n.GetType() != typeCallEnded {
		t.Errorf("told is %v", n)
	}
	if want := (place{"INC", end}).String(); n.GetId() != want {
		t.Errorf("its id is %s, want %s", n.GetId(), want)
	}
	h.read(func(r reader) {
		for k := range r.tx.Scan(callBucket, nil, nil) {
			t.Errorf("%q is still kept as a call in progress", k)
		}
	})
}

func TestADeletedAnalysisIsGone(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	h.add(subject.Analysis("a", "c", "x", subject.KindCompleted), completed("x", "ann"))
	kept := h.add(subject.Analysis("a", "c", "y", subject.KindFailed), failedEvent("y", "ann"))
	h.add(subject.Analysis("a", "c", "x", subject.KindDeleted), deleted("x"))
	h.add(subject.Analysis("a", "c", "never", subject.KindDeleted), deleted("never"))

	if got := sequences(h.all("a")); !slices.Equal(got, []uint64{kept}) {
		t.Errorf("left are %v", got)
	}
	h.read(func(r reader) {
		if got := r.own("a", "ann", 0); len(got) != 1 || got[0] != (own{kept, true}) {
			t.Errorf("her own are %v", got)
		}
	})
	h.add(subject.Analysis("a", "c", "y", subject.KindDeleted), deleted("y"))
	if n := h.entries(); n != 0 {
		t.Errorf("%d entries are left over", n)
	}
}

func TestAnErasedCallLeavesNothingButThat(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	h.add(subject.Call("a", "c", subject.KindOpened), opened("secret"))
	h.add(subject.Analysis("a", "c", "x", subject.KindCompleted), completed("x", "ann"))
	h.add(subject.Call("a", "c", subject.KindEnded), ended())
	other := h.add(subject.Analysis("a", "c2", "z", subject.KindCompleted), completed("z", "ann"))
	erase := h.add(subject.Call("a", "c", subject.KindErased), erased())
	// It ran while the call was erased; its event still knows the label.
	late := h.add(subject.Analysis("a", "c", "y", subject.KindCancelled), cancelled("y", "ann"))

	list := h.all("a")
	if got := sequences(list); !slices.Equal(got, []uint64{other, erase, late}) {
		t.Fatalf("left are %v", got)
	}
	for _, o := range list[1:] {
		if o.note.GetCallLabel() != "" || o.note.GetAgentName() != "" || o.note.GetCallStartedAt() != nil {
			t.Errorf("told of an erased call: %v", o.note)
		}
	}
	h.add(subject.Analysis("a", "c", "y", subject.KindDeleted), deleted("y"))
	if got := sequences(h.all("a")); !slices.Equal(got, []uint64{other, erase}) {
		t.Errorf("at last are left %v", got)
	}
}

func TestOutcomesOfCallsAreDroppedByAge(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	first := h.add(subject.Call("a", "c1", subject.KindEnded), ended())
	foreign := h.add(subject.Call("b", "c1", subject.KindEnded), ended())
	analysis := h.add(subject.Analysis("a", "c1", "x", subject.KindCompleted), completed("x", "ann"))
	h.now = h.now.Add(resumable - time.Minute)
	second := h.add(subject.Call("a", "c2", subject.KindEnded), ended())
	h.read(func(r reader) {
		if old, _ := r.tooOld("a", 0, h.now.Add(-resumable)); old {
			t.Error("what was missed is within 7 days and cannot be resumed from")
		}
	})
	h.now = h.now.Add(2 * time.Minute)
	third := h.add(subject.Call("a", "c3", subject.KindErased), erased())

	if got := sequences(h.all("a")); !slices.Equal(got, []uint64{analysis, second, third}) {
		t.Errorf("left are %v", got)
	}
	if got := sequences(h.all("b")); !slices.Equal(got, []uint64{foreign}) {
		t.Errorf("of the other tenant are left %v", got)
	}
	h.read(func(r reader) {
		for _, test := range []struct {
			after  uint64
			before time.Time
			old    bool
		}{
			{0, time.Time{}, true},                       // the first was dropped
			{first, time.Time{}, false},                  // all behind it is there
			{first, h.now.Add(-time.Hour), true},         // but it is older than that
			{second, h.now.Add(-time.Minute), false},     // the third is young
			{third, h.now.Add(time.Hour), false},         // nothing was missed
			{analysis, h.now.Add(-resumable / 2), false}, // the second is young enough
		} {
			if old, err := r.tooOld("a", test.after, test.before); err != nil || old != test.old {
				t.Errorf("resuming behind %d is too old: %v, %v", test.after, old, err)
			}
		}
	})
}

func TestAppliedTwiceTheSameHistoryGivesTheSameView(t *testing.T) {
	t.Parallel()
	var sums []map[string]view.Sum
	for range 2 {
		h := newHistory(t)
		h.add(subject.Call("a", "c", subject.KindOpened), opened("label"))
		for _, id := range []string{"x", "y", "z"} {
			h.add(subject.Analysis("a", "c", id, subject.KindFailed), failedEvent(id, "ann"))
		}
		h.add(subject.Analysis("a", "c", "y", subject.KindDeleted), deleted("y"))
		if err := h.view.Verify(); err != nil {
			t.Error(err)
		}
		s, err := h.view.Sums()
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, s)
	}
	for bucket, sum := range sums[0] {
		if sums[1][bucket] != sum {
			t.Errorf("%s sums to %s and %s", bucket, sum, sums[1][bucket])
		}
	}
}
