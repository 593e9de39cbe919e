package stream_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
)

// together tails a stream until the test ends, and checks that nothing is left out, twice, or out of order.
func together(t *testing.T, l *stream.Log, rest func(ctx context.Context, after uint64)) <-chan []stream.Message {
	t.Helper()
	return tailing(t, func(ctx context.Context, deliver func([]stream.Message)) {
		_ = l.TailTogether(ctx, name, 0, rest, deliver)
	})
}

// oneByOne is together for a tail that does not rest.
func oneByOne(t *testing.T, l *stream.Log) <-chan []stream.Message {
	t.Helper()
	return tailing(t, func(ctx context.Context, deliver func([]stream.Message)) {
		_ = l.Tail(ctx, name, 0, func(m stream.Message) { deliver([]stream.Message{m}) })
	})
}

func tailing(t *testing.T, tail func(ctx context.Context, deliver func([]stream.Message))) <-chan []stream.Message {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	got, done := make(chan []stream.Message, 1000), make(chan struct{})
	go func() {
		defer close(done)
		newest := uint64(0)
		tail(ctx, func(all []stream.Message) {
			for _, m := range all {
				if newest++; m.Sequence != newest {
					t.Errorf("message %d comes as number %d", m.Sequence, newest)
				}
			}
			got <- all
		})
	}()
	t.Cleanup(func() { cancel(); <-done })
	return got
}

// upTo receives until a sequence, and returns how many groups that took.
func upTo(t *testing.T, from <-chan []stream.Message, sequence uint64) (groups int) {
	t.Helper()
	for {
		select {
		case all := <-from:
			if groups++; all[len(all)-1].Sequence >= sequence {
				return groups
			}
		case <-time.After(40 * time.Second):
			t.Fatalf("no message %d within 40 s", sequence)
		}
	}
}

func TestWhatComesWhileItRestsIsDeliveredTogether(t *testing.T) {
	t.Parallel()
	l := open(t, streamtest.Start(t).Conn(t), 1)
	rested, resting := make(chan struct{}), make(chan uint64)
	got := together(t, l, func(ctx context.Context, after uint64) {
		select {
		case resting <- after:
		case <-ctx.Done():
		}
		select {
		case <-rested:
		case <-ctx.Done():
		}
	})
	write(t, l, 0)
	if after := <-resting; after != 0 {
		t.Errorf("it rests behind %d", after)
	}
	for n := range 9 {
		write(t, l, n+1)
	}
	rested <- struct{}{}
	if n := upTo(t, got, 10); n != 1 {
		t.Errorf("ten messages came in %d groups", n)
	}
	if after := <-resting; after != 10 {
		t.Errorf("it rests behind %d", after)
	}
	for n := range 100 { // more than are asked for together: those do not wait for another rest
		write(t, l, n+10)
	}
	rested <- struct{}{}
	if n := upTo(t, got, 110); n != 4 {
		t.Errorf("100 messages came in %d groups", n)
	}
}

func TestTailingGoesOn(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T, *stream.Log) <-chan []stream.Message{
		"one by one": oneByOne,
		"together": func(t *testing.T, l *stream.Log) <-chan []stream.Message {
			t.Helper()
			return together(t, l, func(context.Context, uint64) {})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			goesOn(t, start)
		})
	}
}

func goesOn(t *testing.T, start func(*testing.T, *stream.Log) <-chan []stream.Message) {
	t.Helper()
	t.Run("over a restart", func(t *testing.T) {
		t.Parallel()
		s := streamtest.Start(t)
		l := open(t, s.Conn(t), 1)
		got := start(t, l)
		write(t, l, 0)
		upTo(t, got, 1)
		s.Restart(t)
		write(t, l, 1)
		upTo(t, got, 2)
	})
	t.Run("without its consumer", func(t *testing.T) {
		t.Parallel()
		nc := streamtest.Start(t).Conn(t)
		l := open(t, nc, 1)
		got := start(t, l)
		for n := range 5 {
			write(t, l, n)
			upTo(t, got, uint64(n+1))
			deleteConsumers(t, nc)
		}
	})
	t.Run("over a leader's end", func(t *testing.T) {
		t.Parallel()
		c := streamtest.StartCluster(t)
		l := open(t, c.Conn(t), streamtest.Size)
		got := start(t, l)
		write(t, l, 0)
		upTo(t, got, 1)
		c.StopNode(t, c.WaitLeader(t, name))
		write(t, l, 1)
		upTo(t, got, 2)
	})
}

// What a consumer has delivered to somebody else, or to nobody, is noticed by its number.
func TestWhatGotLostOnTheWayIsReadAgain(t *testing.T) {
	t.Parallel()
	nc := streamtest.Start(t).Conn(t)
	l := open(t, nc, 1)
	rested := make(chan struct{})
	got := together(t, l, func(ctx context.Context, after uint64) {
		if after > 0 {
			return
		}
		select {
		case <-rested:
		case <-ctx.Done():
		}
	})
	for n := range 4 {
		write(t, l, n)
	}
	for _, consumer := range consumers(t, nc) {
		if stolen, err := consumer.Next(); err != nil {
			t.Fatal(err)
		} else if meta, err := stolen.Metadata(); err != nil || meta.Sequence.Stream != 2 {
			t.Fatalf("taken: %+v, %v", meta, err)
		}
	}
	close(rested)
	upTo(t, got, 4)
}

func TestWhatGotLostOneByOneIsReadAgain(t *testing.T) {
	t.Parallel()
	nc := streamtest.Start(t).Conn(t)
	l := open(t, nc, 1)
	got := oneByOne(t, l)
	write(t, l, 0)
	upTo(t, got, 1)
	consumer := consumers(t, nc)[0]
	stolen := make(chan error, 1)
	go func() {
		_, err := consumer.Next(jetstream.FetchMaxWait(20 * time.Second))
		stolen <- err
	}()
	for waiting := 0; waiting < 2; {
		info, err := consumer.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		waiting = info.NumWaiting
	}
	for n := range 4 {
		write(t, l, n+1)
	}
	if err := <-stolen; err != nil {
		t.Fatal(err)
	}
	upTo(t, got, 5)
}

// consumers are all that the stream has.
func consumers(t *testing.T, nc *nats.Conn) (out []jetstream.Consumer) {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	for n := range s.ConsumerNames(t.Context()).Name() {
		consumer, err := s.Consumer(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, consumer)
	}
	return out
}

func deleteConsumers(t *testing.T, nc *nats.Conn) {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	for consumer := range s.ConsumerNames(t.Context()).Name() {
		if err := s.DeleteConsumer(t.Context(), consumer); err != nil {
			t.Fatal(err)
		}
	}
}
