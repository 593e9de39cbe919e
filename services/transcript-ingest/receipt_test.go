package ingest_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	ingest "github.com/kikigaki/kikigaki/services/transcript-ingest"
)

func receipt(t *testing.T, s *ingest.Service, call string) *transcriptv1.Receipt {
	t.Helper()
	res, err := s.GetReceipt(editor(t), &transcriptv1.GetReceiptRequest{CallId: call})
	if err != nil {
		t.Fatal(err)
	}
	return res.GetReceipt()
}

// numbered are utterances with an order of the publisher's; the id is the order.
func numbered(orders ...int64) (out []*transcriptv1.NewUtterance) {
	for _, o := range orders {
		out = append(out, &transcriptv1.NewUtterance{
			UtteranceId: fmt.Sprint("u", o), Order: o, Speaker: "agent", Text: fmt.Sprint("もしもし ", o),
		})
	}
	return out
}

func changed(u *transcriptv1.NewUtterance, version uint32, text string) []*transcriptv1.NewUtterance {
	return []*transcriptv1.NewUtterance{{
		UtteranceId: u.GetUtteranceId(), Order: u.GetOrder(), Speaker: u.GetSpeaker(), Version: version, Text: text,
	}}
}

// The receipt of a call says what has arrived: while it is live, folded, and in a view that is made anew from what the
// fold has left.
func TestAReceiptSaysWhatHasArrived(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	first := numbered(3, 4, 7)
	add(t, s, "c", first)
	add(t, s, "c", numbered(5))                        // behind a higher one
	add(t, s, "c", first)                              // three duplicates
	add(t, s, "c", changed(first[0], 0, "another"))    // a duplicate that conflicts
	add(t, s, "c", changed(first[0], 2, "corrected"))  // a correction
	add(t, s, "c", changed(first[0], 1, "too late"))   // of a version that never came: a duplicate and no conflict
	add(t, s, "c", changed(first[0], 2, "corrected!")) // conflicts with the correction
	add(t, s, "c", []*transcriptv1.NewUtterance{{UtteranceId: "lost", Kind: "recognizer_lost", Speaker: "customer"}})
	want := &transcriptv1.Receipt{
		CallId: "c", State: "live", Revision: 6, Accepted: 5, Corrected: 1, Duplicates: 6, Conflicting: 2, Reordered: 1,
		FirstOrder: 3, LastOrder: 7, Missing: 1, Gaps: []*transcriptv1.Gap{{First: 6, Last: 6}}, RecognizerLost: 1,
	}
	if diff := cmp.Diff(want, receipt(t, s, "c"), protocmp.Transform()); diff != "" {
		t.Error("live:", diff)
	}
	end(t, s, "c")
	add(t, s, "c", numbered(6, 20))                 // late, one of them reordered
	add(t, s, "c", numbered(6))                     // a late duplicate
	add(t, s, "c", changed(first[1], 0, "another")) // a late one that conflicts with what is folded
	add(t, s, "c", changed(first[1], 1, "at last")) // a late correction
	want.State, want.Revision, want.Accepted, want.Corrected, want.Late = "finished", 9, 7, 2, 3
	want.Duplicates, want.Conflicting, want.Reordered, want.LastOrder = 8, 3, 2, 20
	want.Missing, want.Gaps = 12, []*transcriptv1.Gap{{First: 8, Last: 19}}
	if diff := cmp.Diff(want, receipt(t, s, "c"), protocmp.Transform()); diff != "" {
		t.Error("folded:", diff)
	}
	if diff := cmp.Diff(want, receipt(t, b.replica(), "c"), protocmp.Transform()); diff != "" {
		t.Error("in a new view:", diff)
	}
}

// What is counted again and again is counted up to a bound, so that nobody can fill the disk by repeating himself.
func TestDuplicatesAreCountedUpToABound(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	words := say(make([]string, 500)...)
	add(t, s, "c", words)
	for range 41 {
		add(t, s, "c", words)
	}
	got := receipt(t, s, "c")
	if got.GetDuplicates() != 20_000 || !got.GetMoreDuplicates() || got.GetRevision() != 500 {
		t.Error(got)
	}
}

// However orders come, what is missing is what a set says.
func TestTheGapsOfAReceiptAreWhatIsMissing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		orders := rapid.SliceOfN(rapid.Int64Range(1, 60), 1, 40).Draw(t, "orders")
		got := ingest.Orders(orders)
		there := map[int64]bool{}
		lowest, highest, reordered := orders[0], orders[0], uint32(0)
		for _, o := range orders {
			there[o] = true
			if o < highest {
				reordered++
			}
			lowest, highest = min(lowest, o), max(highest, o)
		}
		missing := uint64(0)
		in := func(o int64) (n int) {
			for _, g := range got.GetGaps() {
				if o >= g.GetFirst() && o <= g.GetLast() {
					n++
				}
			}
			return n
		}
		for o := lowest; o <= highest; o++ {
			want := 0
			if !there[o] {
				missing++
				want = 1
			}
			if in(o) != want {
				t.Fatalf("%d is in %d gaps: %v", o, in(o), got)
			}
		}
		if got.GetMissing() != missing || got.GetFirstOrder() != lowest || got.GetLastOrder() != highest || got.GetReordered() != reordered {
			t.Fatalf("%v of %v", got, orders)
		}
	})
}
