package ingest

import (
	"testing"

	"github.com/kikigaki/kikigaki/pkg/fault"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

// Whatever order messages are finished in, what is acknowledged has no gap, and is told once.
func TestAcknowledgementsAreCumulative(t *testing.T) {
	t.Parallel()
	a := newAcks()
	one := message{taken: taken{res: &transcriptv1.AppendUtterancesResponse{Accepted: 1}}, size: 1}
	a.finish(2, one)
	a.finish(3, message{taken: taken{err: fault.New(fault.Gone, "CALL_ERASED")}, call: "c", size: 1})
	if res, _ := a.collect(); res != nil {
		t.Fatalf("message 1 is open, told was %v", res)
	}
	a.finish(1, one)
	res, room := a.collect()
	if res.GetAcknowledged() != 3 || res.GetAccepted() != 2 || room != 3 || len(res.GetRefused()) != 1 ||
		res.GetRefused()[0].GetMessage() != 3 || res.GetRefused()[0].GetCallId() != "c" {
		t.Fatalf("%v, %d", res, room)
	}
	if res, _ := a.collect(); res != nil {
		t.Fatalf("told again: %v", res)
	}
	for n := uint64(4); n < 4+ackEvery; n++ {
		if a.enough() {
			t.Fatalf("message %d need not wait", n)
		}
		a.finish(n, one)
	}
	if !a.enough() {
		t.Fatal("64 wait for more")
	}
	a.finish(4+ackEvery, message{taken: taken{err: fault.New(fault.Unavailable, "UNAVAILABLE")}})
	a.finish(5+ackEvery, one)
	if res, _ := a.collect(); res.GetAcknowledged() != 3+ackEvery || a.trouble() == nil {
		t.Fatalf("%v acknowledged beyond what failed", res)
	}
	<-a.broken
}
