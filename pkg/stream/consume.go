package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ConsumeConfig says what is consumed and how much of it at once.
type ConsumeConfig struct {
	// Stream declared with WorkQueue.
	Stream string
	// Durable is the name under which the server keeps what is acknowledged. Replicas that share the work use the same.
	Durable string
	// MaxPending is how many messages may be delivered and not yet ended over all replicas, at least 1: the bound of
	// what a handler may have in hand.
	MaxPending int
	// AckWait is how long after its last sign of life a replica's messages go to another one; 30 s when 0. While Consume
	// runs it gives that sign every third of it for all that it has delivered, so that work may take longer.
	AckWait time.Duration
}

const (
	// consumeGroup is the priority group all replicas of a consumer ask in.
	consumeGroup = "active"
	// consumeExpiry is how often a replica asks anew. The server hears from the active one at least that often.
	consumeExpiry = time.Second
	// consumePin is how long the server waits for the active replica before it turns to another one.
	consumePin = 4 * time.Second
)

// Consume hands every message of a work queue to a handler, until the context is done; its error is then the context's. Each
// message is delivered until it is acknowledged ([Delivery.Ack]), which removes it. It may come more than once: after a
// [Delivery.Retry], after a kill, after a lost acknowledgement; who must do something once compares and sets it on the log.
//
// Of all replicas that consume under one durable name one is active at a time, and another takes over within 5 s
// of a kill and at once when Consume ends in order. That is the server's habit ("pinned client") and no lock: a replica
// that was stopped for a while may still be at work beside its successor. What a killed one had in hand comes after AckWait.
// Messages of many tries come out of order.
//
// handle is called by one goroutine at a time and holds up nothing but the next call: asking the server and the signs of
// life go on meanwhile. Who wants to work on several messages hands them on to goroutines or a channel; MaxPending bounds
// how many there are. Every delivery must end with Ack or Retry, or it stays in hand as long as Consume runs. What was
// not yet handed over when the context ends goes back at once, what was can still be ended.
//
// A restarted server, a new leader, a lost connection, a deleted consumer or a stream that was made anew only delay
// it; so does a stream that is not there.
func (l *Log) Consume(ctx context.Context, cfg ConsumeConfig, handle func(context.Context, Delivery)) error {
	if cfg.AckWait <= 0 {
		cfg.AckWait = 30 * time.Second
	}
	c := &consumption{log: l, cfg: cfg, hand: newHand()}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.hand.over(ctx, cfg.Stream, handle)
	}()
	stopSigns := c.signs()
	for ctx.Err() == nil {
		err := c.once(ctx)
		if ctx.Err() != nil {
			break
		}
		l.log.WarnContext(ctx, "consuming a stream was interrupted", "stream", cfg.Stream, "durable", cfg.Durable, "error", err)
		select {
		case <-time.After(tailRetry):
		case <-ctx.Done():
		}
	}
	<-ended
	stopSigns()
	c.hand.giveBack()
	c.unpin(context.WithoutCancel(ctx))
	return ctx.Err()
}

// consumption is one replica's part in a work queue.
type consumption struct {
	log  *Log
	cfg  ConsumeConfig
	hand *hand
	// pin is what the server calls this replica while it is the active one.
	pin string
}

// signs tells the server every third of AckWait that what is in hand is being worked on, until stop is called.
func (c *consumption) signs() (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(max(c.cfg.AckWait/3, time.Millisecond))
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				c.hand.sign()
			case <-done:
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// once consumes until something breaks or the context is done.
func (c *consumption) once(ctx context.Context) error {
	consumer, err := c.open(ctx)
	if err != nil {
		return err
	}
	c.hand.begin(consumer.CachedInfo().Created)
	it, err := consumer.Messages(jetstream.PullPriorityGroup(consumeGroup), jetstream.PullMaxMessages(max(1, c.cfg.MaxPending)),
		jetstream.PullExpiry(consumeExpiry), jetstream.PullHeartbeat(consumeExpiry/2))
	if err != nil {
		return err
	}
	defer c.drain(it)
	for {
		raw, err := it.Next(jetstream.NextContext(ctx))
		switch {
		case err == nil:
			c.take(raw)
		case errors.Is(err, jetstream.ErrNoHeartbeat) && c.same(ctx, consumer):
			// Late is not gone, and the next turn asks anew.
		default:
			return err
		}
	}
}

func (c *consumption) take(raw jetstream.Msg) {
	if pin := raw.Headers().Get(pinHeader); pin != "" {
		c.pin = pin
	}
	c.hand.take(raw)
}

// drain takes what has already arrived: the server counts it as delivered.
func (c *consumption) drain(it jetstream.MessagesContext) {
	it.Drain()
	for {
		raw, err := it.Next(jetstream.NextMaxWait(requestTimeout))
		if err != nil {
			it.Stop()
			return
		}
		c.take(raw)
	}
}

// open finds the consumer or makes it, and changes it where it differs.
func (c *consumption) open(ctx context.Context) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	want := jetstream.ConsumerConfig{
		Durable: c.cfg.Durable, AckPolicy: jetstream.AckExplicitPolicy, AckWait: c.cfg.AckWait,
		MaxAckPending: max(1, c.cfg.MaxPending), MaxDeliver: -1,
		PriorityPolicy: jetstream.PriorityPolicyPinned, PriorityGroups: []string{consumeGroup}, PinnedTTL: consumePin,
	}
	found, err := c.log.js.Consumer(ctx, c.cfg.Stream, c.cfg.Durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return c.log.js.CreateConsumer(ctx, c.cfg.Stream, want)
	}
	if err != nil {
		return nil, fmt.Errorf("stream: consumer %s: %w", c.cfg.Durable, err)
	}
	have := found.CachedInfo().Config
	if have.AckWait == want.AckWait && have.MaxAckPending == want.MaxAckPending && have.PinnedTTL == want.PinnedTTL {
		return found, nil
	}
	return c.log.js.UpdateConsumer(ctx, c.cfg.Stream, want)
}

// same tells whether the consumer is still the one that was opened.
func (c *consumption) same(ctx context.Context, consumer jetstream.Consumer) bool {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	before := consumer.CachedInfo().Created
	info, err := consumer.Info(ctx)
	return err == nil && info.Created.Equal(before)
}

// unpin lets the server turn to another replica at once, if this one was the active one.
func (c *consumption) unpin(ctx context.Context) {
	if c.pin == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	consumer, err := c.log.js.Consumer(ctx, c.cfg.Stream, c.cfg.Durable)
	if err != nil {
		return // the server lets go by itself, only later
	}
	for _, group := range consumer.CachedInfo().PriorityGroups {
		if group.Group != consumeGroup || group.PinnedClientID != c.pin {
			continue
		}
		s, err := c.log.handle(ctx, c.cfg.Stream)
		if err == nil {
			err = s.UnpinConsumer(ctx, c.cfg.Durable, consumeGroup)
		}
		if err != nil {
			c.log.log.WarnContext(ctx, "another replica takes over only after a while", "stream", c.cfg.Stream, "error", err)
		}
	}
}
