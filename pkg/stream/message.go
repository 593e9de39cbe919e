package stream

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kikigaki/kikigaki/pkg/telemetry"
)

// eventIDHeader carries an event's own id. Header names are case-sensitive.
const eventIDHeader = "Kikigaki-Event-Id"

// traceHeader carries the trace in which an event came about, as the standard and the server's own tracing spell it:
// in lower case.
const traceHeader = "traceparent"

// Event is a fact to append.
type Event struct {
	// ID is unique; a repetition of the same decision keeps it.
	ID string
	// Subject must match the guard it is written under.
	Subject string
	// Data is the encoded event, at most 1 MiB less headers.
	Data []byte
	// TTL after which the server forgets it; 0 never. Only in streams declared with TTL; whole seconds.
	TTL time.Duration
}

// Message is a fact on the log.
type Message struct {
	// Stream it lies in.
	Stream string
	// Subject it was written under.
	Subject string
	// Sequence in its stream, from 1, growing.
	Sequence uint64
	// Time the server stored it.
	Time time.Time
	// EventID is the event's own id.
	EventID string
	// Trace is the W3C traceparent of the write; "" when it belonged to no trace. It says nothing of the fact.
	Trace string
	// Data is the encoded event.
	Data []byte
	// Pending is how many messages lay behind it when it was delivered. Only set by Tail.
	Pending uint64
}

func (e Event) message(ctx context.Context) *nats.Msg {
	m := nats.NewMsg(e.Subject)
	m.Header.Set(eventIDHeader, e.ID)
	if parent := telemetry.Inject(ctx); parent != "" {
		m.Header.Set(traceHeader, parent)
	}
	m.Data = e.Data
	return m
}

func ofRaw(stream string, raw *jetstream.RawStreamMsg) Message {
	return Message{
		Stream: stream, Subject: raw.Subject, Sequence: raw.Sequence, Time: raw.Time,
		EventID: raw.Header.Get(eventIDHeader), Trace: raw.Header.Get(traceHeader), Data: raw.Data,
	}
}

func ofMsg(stream string, m jetstream.Msg) (Message, error) {
	out, _, err := ofPulled(stream, m)
	return out, err
}

// ofPulled also returns what number the consumer has given the message.
func ofPulled(stream string, m jetstream.Msg) (out Message, counted uint64, err error) {
	meta, err := m.Metadata()
	if err != nil {
		return Message{}, 0, err
	}
	return Message{
		Stream: stream, Subject: m.Subject(), Sequence: meta.Sequence.Stream, Time: meta.Timestamp,
		EventID: m.Headers().Get(eventIDHeader), Trace: m.Headers().Get(traceHeader), Data: m.Data(),
		Pending: meta.NumPending,
	}, meta.Sequence.Consumer, nil
}
