package child

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/services/internal/broker"
)

const (
	streamName = "BENCH"
	// guards is among how many guards appends go round, as they do among calls.
	guards = 64
)

// appender appends to a stream of its own, one event after another.
type appender struct {
	broker *broker.Broker
	log    *stream.Log
	turn   int
	events uint64
	last   [guards]uint64
}

func openAppender(ctx context.Context, dir string) (*appender, error) {
	a := &appender{}
	var err error
	if a.broker, err = broker.Start(ctx, broker.Config{DataDir: dir}); err != nil {
		return nil, err
	}
	if a.log, err = stream.Open(a.broker.Conn(), stream.Config{}); err == nil {
		_, _, err = a.log.Declare(ctx, stream.Declaration{Name: streamName, Subjects: []string{"bench.>"}, MaxBytes: 4 << 30})
	}
	if err != nil {
		return nil, errors.Join(err, a.broker.Stop(ctx))
	}
	return a, nil
}

// operation appends events under the next guard, each expecting the one before it to be the last.
func (a *appender) operation(ctx context.Context, each int) error {
	n := a.turn % guards
	a.turn++
	g := stream.NewGuard(streamName, fmt.Sprintf("bench.%d.>", n))
	for i := range each {
		a.events++
		seq, err := a.log.Append(ctx, g, a.last[n], stream.Event{
			ID: strconv.FormatUint(a.events, 10), Subject: fmt.Sprintf("bench.%d.%d", n, i), Data: payload(a.events),
		})
		if err != nil {
			return err
		}
		a.last[n] = seq
	}
	return nil
}

func (a *appender) close(ctx context.Context) error { return a.broker.Stop(ctx) }

// payload is the data of the n-th event: its number, and something that fills it up.
func payload(n uint64) []byte {
	data := bytes.Repeat([]byte{'.'}, EventSize)
	copy(data, fmt.Sprintf("%d ", n))
	return data
}

// Verify opens the log that a child has appended to, and tells whether every event from the first to the last that was
// acknowledged is there, once and in order.
func Verify(ctx context.Context, dir string, events uint64) (err error) {
	b, err := broker.Start(ctx, broker.Config{DataDir: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Stop(context.WithoutCancel(ctx))) }()
	log, err := stream.Open(b.Conn(), stream.Config{})
	if err != nil {
		return err
	}
	info, err := log.Info(ctx, streamName)
	if err != nil {
		return err
	}
	if info.Messages != events || info.Last != events {
		return fmt.Errorf("%d events are on disk, the last is %d, and %d were acknowledged", info.Messages, info.Last, events)
	}
	if events == 0 {
		return nil
	}
	return verifyEach(ctx, log, events)
}

func verifyEach(ctx context.Context, log *stream.Log, events uint64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wrong error
	err := log.Tail(ctx, streamName, 0, func(m stream.Message) {
		if wrong == nil && !bytes.Equal(m.Data, payload(m.Sequence)) {
			wrong = fmt.Errorf("event %d is not what was appended", m.Sequence)
		}
		if wrong != nil || m.Sequence == events {
			cancel()
		}
	})
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(wrong, err)
}
