package stream

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// MaxBatch is how many writes a server takes as one ([Log.AppendAll]).
const MaxBatch = 1000

// batchWindow is how many bytes of a batch are sent before the server must have staged what it has. A stream's inbox is
// bounded, and what does not fit into it is dropped, which would break the batch.
const batchWindow = 4 << 20

// How the server is told that messages belong together. It drops what is not committed within 10 s.
const (
	batchIDHeader       = "Nats-Batch-Id"
	batchSequenceHeader = "Nats-Batch-Sequence"
	batchCommitHeader   = "Nats-Batch-Commit"
)

// Write is one event of a batch, with the compare-and-set it is to be stored under.
type Write struct {
	// Guard whose last sequence must be Expected, as in [Log.Append].
	Guard Guard
	// Expected is that sequence before the batch; 0 when nothing was ever written under the guard.
	Expected uint64
	// Event to store.
	Event Event
}

// AppendAll writes all events of a batch, or none: at most [MaxBatch], all of one stream, declared with Batches, each
// under a guard. It returns their sequences, which follow one another in the order of the writes, once the server
// has all of them on disk. Nobody reads some of them without the others. Against [Log.Append] and other batches each
// write is the same compare-and-set as a single one; writes under one guard are one, and expect the same sequence, that from
// before the batch. A guard that is expected at two sequences, one that is just the subject of a write before it, or one of
// another stream, are errors of the program; two different guards that cover the same subject are, too, but nobody notices.
//
// Errors are those of [Log.Append]. If one write is refused nothing is stored and the error is a [Conflict], whose Guard is
// the one that refused where that can be told: the server says at most how far the guard has moved, and the message
// there tells whose it is. Otherwise, as always when a write is in flight on a cluster, it is the zero Guard; then divide the
// batch. Unavailable, with nothing stored, is also what a batch gets that is one too many: a stream takes 50 at a time,
// a server 1,000. [ErrUnknown] is only possible when everything was sent and no answer came within 5 s. Then look for one
// of the event ids behind the sequence it expected ([Log.After]): if it is there, all are.
//
// A server by itself stages each batch of a stream on disk in files of its own, which costs ten to 25 single writes: a
// batch of fewer is slower than they are, one of hundreds far cheaper. Should its disk fail in the middle of storing, it
// shows what it has until it is restarted, and then stores the rest first. A cluster stages in memory. A single write goes
// through [Log.Append]; none does nothing.
func (l *Log) AppendAll(ctx context.Context, stream string, writes []Write) (sequences []uint64, err error) {
	if err := checkBatch(stream, writes); err != nil {
		return nil, err
	}
	switch len(writes) {
	case 0:
		return nil, nil
	case 1:
		seq, err := l.Append(ctx, writes[0].Guard, writes[0].Expected, writes[0].Event)
		if err != nil {
			return nil, err
		}
		return []uint64{seq}, nil
	}
	last, err := l.seen.append(ctx, "append_all", writes[0].Event.Subject, func(ctx context.Context) (uint64, error) {
		return l.appendBatch(ctx, writes)
	})
	if err != nil {
		return nil, err
	}
	sequences = make([]uint64, len(writes))
	for i := range sequences {
		sequences[i] = last - uint64(len(writes)-1-i)
	}
	return sequences, nil
}

func checkBatch(stream string, writes []Write) error {
	if len(writes) > MaxBatch {
		return fmt.Errorf("stream: a batch of %d writes, at most %d go together", len(writes), MaxBatch)
	}
	guards := make(map[Guard]uint64, len(writes))
	for _, w := range writes {
		if w.Guard.stream != stream {
			return fmt.Errorf("stream: %s in a batch for %s", w.Guard, stream)
		}
		expected, again := guards[w.Guard]
		if again && (expected != w.Expected || w.Guard.filter == w.Event.Subject) {
			return fmt.Errorf("stream: %s twice in one batch", w.Guard)
		}
		guards[w.Guard] = w.Expected
	}
	return nil
}

// appendBatch stages and commits, and returns the last sequence. The first message is waited for, since a server that
// takes no batch says so then; of the rest only what fills a window, and the commit.
func (l *Log) appendBatch(ctx context.Context, writes []Write) (uint64, error) {
	id := rand.Text()
	commit, err := l.stageBatch(ctx, id, writes)
	if err != nil {
		return 0, l.batchVerdict(ctx, writes, err, false)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	seq, err := l.commitBatch(ctx, commit, len(writes))
	if err != nil {
		return 0, l.batchVerdict(ctx, writes, err, true)
	}
	return seq, nil
}

// stageBatch sends all but the last message, which it returns: sending that one commits.
func (l *Log) stageBatch(ctx context.Context, id string, writes []Write) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	last, unheard := len(writes)-1, 0
	for i, w := range writes[:last] {
		m := w.message(ctx, id, i+1)
		unheard += m.Size()
		if i > 0 && unheard < batchWindow {
			if err := l.nc.PublishMsg(m); err != nil {
				return nil, err
			}
			continue
		}
		unheard = 0
		if err := l.stage(ctx, m); err != nil {
			return nil, err
		}
	}
	m := writes[last].message(ctx, id, last+1)
	m.Header.Set(batchCommitHeader, "1")
	return m, nil
}

// stage sends a message and waits until the server has staged it, which it says with an empty answer.
func (l *Log) stage(ctx context.Context, m *nats.Msg) error {
	answer, err := l.nc.RequestMsgWithContext(ctx, m)
	if err != nil || len(answer.Data) == 0 {
		return err
	}
	_, err = readBatchAck(answer.Data)
	return err
}

// commitBatch sends the last message and waits for the verdict.
func (l *Log) commitBatch(ctx context.Context, m *nats.Msg, count int) (uint64, error) {
	answer, err := l.nc.RequestMsgWithContext(ctx, m)
	if err != nil {
		return 0, err
	}
	ack, err := readBatchAck(answer.Data)
	if err == nil && (ack.Count != count || ack.Sequence < uint64(count)) {
		return 0, fmt.Errorf("stream: %d messages up to %d acknowledged for a batch of %d", ack.Count, ack.Sequence, count)
	}
	return ack.Sequence, err
}

// batchAck is what the server answers to a batch.
type batchAck struct {
	Error    *jetstream.APIError `json:"error"`
	Sequence uint64              `json:"seq"`
	Count    int                 `json:"count"`
}

func readBatchAck(data []byte) (ack batchAck, err error) {
	if err := json.Unmarshal(data, &ack); err != nil {
		return ack, fmt.Errorf("stream: answer to a batch: %w", err)
	}
	if ack.Error != nil {
		return ack, ack.Error
	}
	return ack, nil
}

func (w Write) message(ctx context.Context, batch string, n int) *nats.Msg {
	m := w.Event.message(ctx)
	m.Header.Set(batchIDHeader, batch)
	m.Header.Set(batchSequenceHeader, strconv.Itoa(n))
	m.Header.Set(jetstream.ExpectedStreamHeader, w.Guard.stream)
	m.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(w.Expected, 10))
	m.Header.Set(jetstream.ExpectedLastSubjSeqSubjHeader, w.Guard.filter)
	if w.Event.TTL > 0 {
		m.Header.Set(jetstream.MsgTTLHeader, w.Event.TTL.String())
	}
	return m
}

// What the server says of a batch of which it missed something, as after a new leader came in the middle, and when too
// many are under way. Nothing of it is stored.
const (
	batchIncomplete jetstream.ErrorCode = 10176
	batchTooMany    jetstream.ErrorCode = 10210
)

// batchVerdict sorts the errors of a batch. Unless it was to be committed nothing can have been stored, and neither when
// nobody was there to hear the commit.
func (l *Log) batchVerdict(ctx context.Context, writes []Write, err error, committed bool) error {
	api, answered := errors.AsType[*jetstream.APIError](err)
	switch {
	case answered && (api.ErrorCode == batchIncomplete || api.ErrorCode == batchTooMany || api.Code == 429):
		return unavailable("stream.append", err)
	case !answered && !errors.Is(err, nats.ErrMaxPayload) && (!committed || errors.Is(err, nats.ErrNoResponders)):
		return unavailable("stream.append", err)
	}
	err = verdict(Guard{}, err)
	if conflict, lost := errors.AsType[*Conflict](err); lost && !conflict.InFlight {
		conflict.Guard = l.guilty(ctx, writes, api)
	}
	return err
}

// guilty finds the guard that has moved: the server names the sequence it has moved to, and the message there its
// subject. The zero Guard when nothing lies there any more, or no answer comes.
func (l *Log) guilty(ctx context.Context, writes []Write, refusal *jetstream.APIError) Guard {
	_, number, _ := strings.Cut(refusal.Description, ": ")
	at, err := strconv.ParseUint(number, 10, 64)
	if err != nil || at == 0 {
		return Guard{}
	}
	m, ok, err := l.At(ctx, writes[0].Guard.stream, at)
	if err != nil || !ok {
		return Guard{}
	}
	for _, w := range writes {
		if w.Expected != at && w.Guard.covers(m.Subject) {
			return w.Guard
		}
	}
	return Guard{}
}
