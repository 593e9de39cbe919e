package stream_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
)

func TestConsumingGoesOnOverARestart(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	nc := s.Conn(t)
	l := openInbox(t, nc, 1)
	r := consume(t, l, 4, time.Minute)
	publishTo(t, nc, "before")
	r.ack(t, "before")
	publishTo(t, nc, "in hand")
	d := r.next(t)
	s.Restart(t)
	publishTo(t, nc, "after")
	r.ack(t, "after")
	if err := d.Ack(t.Context()); err != nil {
		t.Errorf("what was in hand while the server restarted: %v", err)
	}
	if n := left(t, l); n != 0 {
		t.Errorf("%d messages are left", n)
	}
}

func TestConsumingGoesOnWithoutItsConsumer(t *testing.T) {
	t.Parallel()
	nc := streamtest.Start(t).Conn(t)
	l := openInbox(t, nc, 1)
	r := consume(t, l, 4, time.Minute)
	publishTo(t, nc, "in hand")
	d := r.next(t)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteConsumer(t.Context(), inbox, durable); err != nil {
		t.Fatal(err)
	}
	r.ack(t, "in hand") // as new: nobody knows any more that it was delivered
	publishTo(t, nc, "after")
	r.ack(t, "after")
	if err := d.Ack(t.Context()); fault.KindOf(err) != fault.Unavailable || left(t, l) != 0 {
		t.Error(err)
	}
}

// A message of a new stream may have the sequence of one of the old: it must not be removed, nor withheld, in its place.
func TestConsumingGoesOnInAStreamThatWasMadeAnew(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	nc := s.Conn(t)
	l := openInbox(t, nc, 1)
	r := consume(t, l, 4, time.Minute)
	publishTo(t, nc, "old")
	old := r.next(t)
	s.Drop(t, inbox)
	if _, _, err := l.Declare(t.Context(), inboxDeclaration()); err != nil {
		t.Fatal(err)
	}
	publishTo(t, nc, "new")
	d := r.next(t)
	if string(d.Message.Data) != "new" || d.Message.Sequence != old.Message.Sequence {
		t.Fatalf("%+v", d.Message)
	}
	if err := old.Ack(t.Context()); fault.KindOf(err) != fault.Unavailable || left(t, l) != 1 {
		t.Fatalf("the old one is acknowledged: %v, %d are left", err, left(t, l))
	}
	if err := d.Ack(t.Context()); err != nil || left(t, l) != 0 {
		t.Error(err)
	}
}

func TestConsumingOnAClusterWhoseLeaderStops(t *testing.T) {
	t.Parallel()
	c := streamtest.StartCluster(t)
	nc := c.Conn(t)
	l := openInbox(t, nc, 3)
	const wait = 2 * time.Second // an acknowledgement that is lost with the leader is tried again after that
	one, two := consume(t, openInbox(t, c.Conn(t), 3), 8, wait), consume(t, openInbox(t, c.Conn(t), 3), 8, wait)
	const before, after = 20, 20
	for n := range before {
		publishTo(t, nc, fmt.Sprint(n))
	}
	leader := c.WaitLeader(t, inbox)
	c.StopNode(t, leader)
	for n := range after {
		publishTo(t, nc, fmt.Sprint(before+n))
	}
	seen := map[string]bool{}
	empty := func() bool {
		info, err := l.Info(t.Context(), inbox)
		return err == nil && info.Messages == 0
	}
	var acks sync.WaitGroup // one that gets no answer takes its time
	defer acks.Wait()
	for deadline := time.After(50 * time.Second); len(seen) < before+after || !empty(); {
		select {
		case d := <-one.got:
			seen[string(d.Message.Data)] = true
			acks.Go(func() { _ = d.Ack(t.Context()) })
		case d := <-two.got:
			seen[string(d.Message.Data)] = true
			acks.Go(func() { _ = d.Ack(t.Context()) })
		case <-time.After(100 * time.Millisecond): // look again whether it is empty
		case <-deadline:
			t.Fatalf("%d of %d came", len(seen), before+after)
		}
	}
}
