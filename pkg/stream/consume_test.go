package stream_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
)

const (
	inbox   = "TEST_INBOX"
	durable = "worker"
)

func inboxDeclaration() stream.Declaration {
	return stream.Declaration{Name: inbox, Subjects: []string{"test.inbox.>"}, MaxBytes: 16 << 20, WorkQueue: true}
}

func openInbox(t *testing.T, nc *nats.Conn, replicas int) *stream.Log {
	t.Helper()
	l := open(t, nc, replicas)
	if _, _, err := l.Declare(t.Context(), inboxDeclaration()); err != nil {
		t.Fatal(err)
	}
	return l
}

func publishTo(t *testing.T, nc *nats.Conn, text string, headers ...string) {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	m := nats.NewMsg("test.inbox.source")
	m.Data = []byte(text)
	for i := 0; i < len(headers); i += 2 {
		m.Header[headers[i]] = append(m.Header[headers[i]], headers[i+1])
	}
	for range 30 {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		_, err = js.PublishMsg(ctx, m)
		if cancel(); err == nil {
			return
		}
	}
	t.Fatal(err)
}

// replica consumes until stopped; what it is handed comes out of a channel.
type replica struct {
	got  chan stream.Delivery
	stop func()
}

func consume(t *testing.T, l *stream.Log, pending int, ackWait time.Duration) *replica {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &replica{got: make(chan stream.Delivery, 1000)}
	ended := make(chan error, 1)
	cfg := stream.ConsumeConfig{Stream: inbox, Durable: durable, MaxPending: pending, AckWait: ackWait}
	go func() {
		ended <- l.Consume(ctx, cfg, func(_ context.Context, d stream.Delivery) { r.got <- d })
	}()
	stopped := false
	r.stop = func() {
		if cancel(); stopped {
			return
		}
		stopped = true
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Consume ends with %v", err)
		}
	}
	t.Cleanup(r.stop)
	return r
}

func (r *replica) next(t *testing.T) stream.Delivery {
	t.Helper()
	select {
	case d := <-r.got:
		return d
	case <-time.After(50 * time.Second):
		t.Fatal("nothing was delivered")
		return stream.Delivery{}
	}
}

func (r *replica) ack(t *testing.T, text string) {
	t.Helper()
	d := r.next(t)
	if string(d.Message.Data) != text {
		t.Fatalf("%q is delivered, not %q", d.Message.Data, text)
	}
	if err := d.Ack(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func left(t *testing.T, l *stream.Log) uint64 {
	t.Helper()
	info, err := l.Info(t.Context(), inbox)
	if err != nil {
		t.Fatal(err)
	}
	return info.Messages
}

func TestADeliveryIsWhatWasPublishedAndGoneOnceAcknowledged(t *testing.T) {
	t.Parallel()
	nc := streamtest.Start(t).Conn(t)
	l := openInbox(t, nc, 1)
	publishTo(t, nc, "words", "ce-Type", "a", "ce-type", "b", "CE-TYPE", "c", "ce-type", "d")
	r := consume(t, l, 10, time.Minute)
	d := r.next(t)
	m := d.Message
	if m.Subject != "test.inbox.source" || m.Sequence != 1 || string(m.Data) != "words" || m.Time.IsZero() || d.NumDelivered != 1 {
		t.Errorf("%+v", d)
	}
	want := map[string][]string{"ce-Type": {"a"}, "ce-type": {"b", "d"}, "CE-TYPE": {"c"}}
	if len(d.Header) != len(want) {
		t.Errorf("headers %v", d.Header)
	}
	for name, values := range want {
		if !slices.Equal(d.Header[name], values) {
			t.Errorf("%s: %v", name, d.Header)
		}
	}
	if n := left(t, l); n != 1 {
		t.Fatalf("%d messages before the acknowledgement", n)
	}
	if err := d.Ack(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := left(t, l); n != 0 {
		t.Fatalf("%d messages after it", n)
	}
	if err := d.Ack(t.Context()); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("acknowledged twice: %v", err)
	}
}

func TestARetryComesAgainAfterItsTime(t *testing.T) {
	t.Parallel()
	nc := streamtest.Start(t).Conn(t)
	l := openInbox(t, nc, 1)
	publishTo(t, nc, "words")
	r := consume(t, l, 1, time.Minute)
	const after = 100 * time.Millisecond
	d := r.next(t)
	began := time.Now()
	d.Retry(after)
	d = r.next(t)
	if took := time.Since(began); took < after || d.NumDelivered != 2 {
		t.Errorf("it came again after %v, delivered %d times", took, d.NumDelivered)
	}
	d.Retry(0)
	if d = r.next(t); d.NumDelivered != 3 {
		t.Errorf("delivered %d times", d.NumDelivered)
	}
	if err := d.Ack(t.Context()); err != nil || left(t, l) != 0 {
		t.Error(err)
	}
}

// While a handler takes longer than AckWait neither its message nor those that wait behind it are delivered again.
func TestWhatIsInHandIsNotDeliveredAgain(t *testing.T) {
	t.Parallel()
	nc := streamtest.Start(t).Conn(t)
	l := openInbox(t, nc, 1)
	const wait = time.Second
	ctx, stop := context.WithCancel(t.Context())
	got := make(chan stream.Delivery)
	ended := make(chan error, 1)
	go func() {
		ended <- l.Consume(ctx, stream.ConsumeConfig{Stream: inbox, Durable: durable, MaxPending: 3, AckWait: wait},
			func(_ context.Context, d stream.Delivery) { got <- d })
	}()
	for n := range 3 {
		publishTo(t, nc, fmt.Sprint(n))
	}
	first := <-got
	<-time.After(2 * wait) // in which nothing is to happen
	deliveries := []stream.Delivery{first, <-got, <-got}
	for n, d := range deliveries {
		if d.NumDelivered != 1 || string(d.Message.Data) != fmt.Sprint(n) {
			t.Errorf("%s was delivered %d times", d.Message.Data, d.NumDelivered)
		}
		if err := d.Ack(t.Context()); err != nil {
			t.Error(err)
		}
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) || left(t, l) != 0 {
		t.Error(err, left(t, l))
	}
}

func TestOneReplicaIsActiveAndItsSuccessorTakesOverAtOnce(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	nc := s.Conn(t)
	one := consume(t, openInbox(t, nc, 1), 4, time.Minute)
	publishTo(t, nc, "0")
	one.ack(t, "0")
	two := consume(t, openInbox(t, s.Conn(t), 1), 4, time.Minute)
	for n := range 20 {
		publishTo(t, nc, fmt.Sprint(n))
		one.ack(t, fmt.Sprint(n))
	}
	if len(two.got) > 0 {
		t.Fatal("both are active")
	}
	publishTo(t, nc, "unfinished")
	one.next(t).Retry(0)
	unfinished := one.next(t) // in hand when it ends: still its own
	before := pinned(t, nc)
	one.stop()
	if after := pinned(t, nc); before == "" || after == before {
		t.Errorf("pinned to %q before, to %q after: the server waits for one that has gone", before, after)
	}
	publishTo(t, nc, "next")
	two.ack(t, "next")
	if err := unfinished.Ack(t.Context()); err != nil {
		t.Error(err)
	}
}

// pinned is what the server calls the active replica.
func pinned(t *testing.T, nc *nats.Conn) string {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := js.Consumer(t.Context(), inbox, durable)
	if err != nil {
		t.Fatal(err)
	}
	return consumer.CachedInfo().PriorityGroups[0].PinnedClientID
}

func TestAKilledReplicaHasASuccessor(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	nc := s.Conn(t)
	dying := s.Conn(t)
	one := consume(t, openInbox(t, dying, 1), 4, 2*time.Second)
	publishTo(t, nc, "0")
	one.ack(t, "0")
	publishTo(t, nc, "in hand")
	one.next(t)
	two := consume(t, openInbox(t, s.Conn(t), 1), 4, 2*time.Second)
	began := time.Now()
	dying.Close()
	two.ack(t, "in hand")
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("taken over after %v", took)
	} else {
		t.Log("taken over after", took)
	}
}

func TestWhatWasNotHandedOverGoesBackAtOnce(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	nc := s.Conn(t)
	l := openInbox(t, nc, 1)
	ctx, stop := context.WithCancel(t.Context())
	first, ended := make(chan stream.Delivery, 1), make(chan error, 1)
	go func() {
		cfg := stream.ConsumeConfig{Stream: inbox, Durable: durable, MaxPending: 10, AckWait: time.Hour}
		ended <- l.Consume(ctx, cfg, func(ctx context.Context, d stream.Delivery) {
			first <- d
			<-ctx.Done()
			d.Retry(0)
		})
	}()
	for n := range 10 {
		publishTo(t, nc, fmt.Sprint(n))
	}
	<-first
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	two := consume(t, openInbox(t, s.Conn(t), 1), 10, time.Hour)
	for range 10 {
		if err := two.next(t).Ack(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
