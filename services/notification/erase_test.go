package notify

import (
	"bytes"
	"os"
	"testing"

	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
)

// What a person has erased is in the view's file no more, and its messages are not missed when they are gone from the log.
func TestAnErasedCallIsWipedFromTheViewAndNotMissed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	folder, file := views(t)
	r := w.start(folder, nil)
	w.tell(subject.Call("a", "call-1", subject.KindOpened), opened("zebra-label"))
	w.tell(subject.Call("a", "kept", subject.KindOpened), opened("kept-label"))
	at := w.completed("a", "ann", 1)
	w.reached(r, at)
	e := erased()
	e.Meta = &eventv1.Meta{By: &eventv1.Actor{AccountId: "boss"}}
	tombstone := w.tell(subject.Call("a", "call-1", subject.KindErased), e)
	w.reached(r, tombstone)
	has := func(text string) bool {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(data, []byte(text))
	}
	eventually(t, "the label to be wiped", func() bool { return !has("zebra-label") })
	if !has("kept-label") {
		t.Error("another call's label is wiped, too")
	}
	r.stopOnce()
	for _, gone := range []string{subject.Call("a", "call-1", subject.KindOpened), "kikigaki.call.a.call-1.*.completed"} {
		if _, err := w.log.Erase(t.Context(), subject.Calls, gone, tombstone, nil); err != nil {
			t.Fatal(err)
		}
	}
	again := w.start(folder, nil)
	defer again.stopOnce()
	if aside, err := os.ReadDir(folder); err != nil || len(aside) != 1 {
		t.Errorf("%d files, %v: the view was made anew", len(aside), err)
	}
}
