package stream

import (
	"context"
	"errors"
	"maps"
	"time"
)

// pinHeader is what the server adds to a message for the active replica.
const pinHeader = "Nats-Pin-Id"

// Delivery is a message of a work queue in the hands of a replica. It ends with [Delivery.Ack] or [Delivery.Retry].
type Delivery struct {
	// Message as it was published.
	Message Message
	// Header has all headers that the publisher gave it, with names as the publisher spelt them.
	Header map[string][]string
	// NumDelivered is how often it was delivered, this time included; it starts anew when the consumer was made anew.
	NumDelivered uint64

	held *holding
}

// errEnded says that a delivery is nobody's any more.
var errEnded = errors.New("stream: the delivery has ended, or its consumer is another one")

// Ack removes the message from the queue, once whatever must be done about it is on disk elsewhere; to give up on a
// message is to write that down first, too. The error is Unavailable when the server did not confirm it within 5 s or
// delivers it anew: then it comes again, sooner or later, to this replica or to another one.
func (d Delivery) Ack(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	msg, ok := d.held.newest()
	if !ok {
		return unavailable("stream.ack", errEnded)
	}
	err := msg.DoubleAck(ctx)
	d.held.end() // only now: a repetition that came in the meantime is the same message
	if err != nil {
		return unavailable("stream.ack", err)
	}
	return nil
}

// Retry gives the message back, to be delivered again after a while, to whatever replica. Until then it counts towards
// MaxPending, so that long pauses hold up others. Should the server not hear of it, it comes after AckWait.
func (d Delivery) Retry(after time.Duration) {
	if msg, ok := d.held.end(); ok {
		_ = msg.NakWithDelay(after)
	}
}

func deliveryOf(stream string, held *holding) (Delivery, error) {
	msg, _ := held.newest()
	m, err := ofMsg(stream, msg)
	if err != nil {
		return Delivery{}, err
	}
	meta, err := msg.Metadata()
	if err != nil {
		return Delivery{}, err
	}
	m.Pending = 0
	header := maps.Clone(map[string][]string(msg.Headers()))
	delete(header, pinHeader)
	return Delivery{Message: m, Header: header, NumDelivered: meta.NumDelivered, held: held}, nil
}
