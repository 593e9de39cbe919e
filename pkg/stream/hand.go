package stream

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// hand is what one replica has been delivered and has not ended: in order of arrival what waits to be handed over, and
// by its sequence all that is held.
//
// It belongs to one life of the consumer. In the next, sequences may mean other messages, and an acknowledgement that was
// meant for the old one would remove them unread.
type hand struct {
	mu    sync.Mutex
	life  time.Time
	held  map[uint64]*holding
	queue []*holding
	more  chan struct{} // of capacity 1
}

// holding is one message in hand.
type holding struct {
	hand     *hand
	sequence uint64
	// msg is the newest delivery of it: an acknowledgement of it counts for all.
	msg jetstream.Msg
}

func newHand() *hand {
	return &hand{held: map[uint64]*holding{}, more: make(chan struct{}, 1)}
}

// begin starts a life of the consumer, named by when it was made; the same one may go on.
func (h *hand) begin(life time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.life.Equal(life) {
		h.life, h.queue = life, nil
		clear(h.held)
	}
}

// take holds a delivery. One of a message that is held already, as after a pause of this process, takes the place of the
// earlier one and is not handed over again.
func (h *hand) take(msg jetstream.Msg) {
	meta, err := msg.Metadata()
	if err != nil {
		return // not a delivery
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if held, ok := h.held[meta.Sequence.Stream]; ok {
		held.msg = msg
		return
	}
	held := &holding{hand: h, sequence: meta.Sequence.Stream, msg: msg}
	h.held[held.sequence] = held
	h.queue = append(h.queue, held)
	select {
	case h.more <- struct{}{}:
	default:
	}
}

// over hands over what arrives until the context is done.
func (h *hand) over(ctx context.Context, stream string, handle func(context.Context, Delivery)) {
	for ctx.Err() == nil {
		next, ok := h.next()
		if !ok {
			select {
			case <-h.more:
			case <-ctx.Done():
			}
			continue
		}
		d, err := deliveryOf(stream, next)
		if err != nil {
			next.end() // no delivery after all
			continue
		}
		handle(ctx, d)
	}
}

func (h *hand) next() (*holding, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.queue) == 0 {
		return nil, false
	}
	next := h.queue[0]
	h.queue = h.queue[1:]
	return next, true
}

// sign tells the server that all that is held is being worked on.
func (h *hand) sign() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, held := range h.held {
		_ = held.msg.InProgress() // unheard, it comes again
	}
}

// giveBack returns what was never handed over, so that another replica has it at once.
func (h *hand) giveBack() {
	for {
		next, ok := h.next()
		if !ok {
			return
		}
		if msg, ok := next.end(); ok {
			_ = msg.Nak() // unheard, it comes after AckWait
		}
	}
}

// newest is the delivery to acknowledge; ok is false once it ended or belongs to an earlier life.
func (n *holding) newest() (msg jetstream.Msg, ok bool) {
	n.hand.mu.Lock()
	defer n.hand.mu.Unlock()
	return n.msg, n.hand.held[n.sequence] == n
}

// end lets go of a message.
func (n *holding) end() (msg jetstream.Msg, ok bool) {
	n.hand.mu.Lock()
	defer n.hand.mu.Unlock()
	if n.hand.held[n.sequence] != n {
		return nil, false
	}
	delete(n.hand.held, n.sequence)
	return n.msg, true
}
