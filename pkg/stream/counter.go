package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

// incrementHeader tells the server by how much a counter changes.
const incrementHeader = "Nats-Incr"

// Increment adds to the counter of a subject, which begins at 0, in a stream declared with Counters, and returns the
// total. Increments of any number of writers are added one after another, so that the totals of increments of 1 are all
// different; there is no guard, and what must not be exceeded is counted first, compared with the total and taken back with
// a negative increment.
//
// The id makes the increment one of a kind: repeated, as after [ErrUnknown], within 2 minutes it is not counted again. The
// total is then the present one, which later increments may have moved. The server remembers an id without limit in
// number while it runs; after a restart of the server, or of all that keep the stream, it knows only the ids of the
// messages that are still kept, and that is Declaration.PerSubject of them for each counter. Errors are
// [ErrUnknown] when no answer came within 5 s; another fault when it surely was not counted.
func (l *Log) Increment(ctx context.Context, stream, subject string, by int64, id string) (total int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var ack *jetstream.PubAck
	_, err = l.seen.append(ctx, "increment", subject, func(ctx context.Context) (uint64, error) {
		m := nats.NewMsg(subject)
		m.Header.Set(incrementHeader, strconv.FormatInt(by, 10))
		// The server refuses an increment that expects anything, be it the stream; the answer says which one it was.
		if ack, err = l.js.PublishMsg(ctx, m, jetstream.WithMsgID(id)); err != nil {
			return 0, uncounted(err)
		}
		return ack.Sequence, nil
	})
	if err != nil {
		return 0, err
	}
	if ack.Stream != stream {
		return 0, fmt.Errorf("stream: %s is counted in %s, not in %s", subject, ack.Stream, stream)
	}
	if !ack.Duplicate {
		return readTotal(ack.Value)
	}
	total, _, err = l.Counter(ctx, stream, subject)
	return total, err
}

// sameInProcess is the server's code for an id that is being counted at this moment.
const sameInProcess jetstream.ErrorCode = 10158

// uncounted sorts the errors of an increment. Nobody knows yet what becomes of one that is in process.
func uncounted(err error) error {
	if api, ok := errors.AsType[*jetstream.APIError](err); ok && api.ErrorCode == sameInProcess {
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	return verdict(Guard{}, err)
}

// Counter returns the total of a counter as the stream's leader has it; ok is false when it was never incremented. Errors
// are those of [Log.Last].
func (l *Log) Counter(ctx context.Context, stream, subject string) (total int64, ok bool, err error) {
	m, ok, err := l.Last(ctx, NewGuard(stream, subject))
	if err != nil || !ok {
		return 0, false, err
	}
	var body struct {
		Value string `json:"val"`
	}
	if err := json.Unmarshal(m.Data, &body); err != nil {
		return 0, false, notCounted(subject, err)
	}
	total, err = readTotal(body.Value)
	return total, err == nil, err
}

// readTotal reads a total exactly. The server counts without bound; what does not fit into 64 bits is an error here.
func readTotal(text string) (int64, error) {
	total, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, notCounted(text, err)
	}
	return total, nil
}

func notCounted(what string, err error) error {
	return fault.Op("stream.counter", fault.New(fault.Internal, "INTERNAL",
		fault.Wrapping(fmt.Errorf("%q is no counter: %w", what, err))))
}
