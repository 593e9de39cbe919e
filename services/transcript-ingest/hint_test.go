package ingest

import (
	"testing"

	"github.com/kikigaki/kikigaki/pkg/stream"
)

func TestOfHintsThatComeTogetherTheFurthestIsLeft(t *testing.T) {
	t.Parallel()
	at := func(sequence uint64) stream.Position {
		return stream.Position{{Stream: "LIVE", Incarnation: "i", Sequence: sequence}}
	}
	h := newHinting()
	a, b := ref{"t", "a"}, ref{"t", "b"}
	h.add(a, 3, at(7))
	h.add(b, 1, at(8))
	h.add(a, 2, at(6)) // what was written first may be hinted at last
	h.add(b, 0, stream.Position{{Stream: "CALLS", Incarnation: "i", Sequence: 2}})
	got := h.take()
	if len(got) != 2 || got[a].revision != 3 || got[a].position.Encode() != at(7).Encode() {
		t.Errorf("%+v", got)
	}
	if p := got[b].position; got[b].revision != 1 || len(p) != 2 {
		t.Errorf("%+v", got[b])
	}
	if left := h.take(); len(left) > 0 {
		t.Errorf("once more: %+v", left)
	}
}
