package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

// requestTimeout bounds one question to the server. A leader election takes 6 to 18 s; callers that must outlast one
// ask again.
const requestTimeout = 5 * time.Second

// Config says how streams are kept. The zero value suits one server.
type Config struct {
	// Replicas of each stream: 1 (also when 0) on one server, 3 on a cluster.
	Replicas int
	// Logger; nil discards.
	Logger *slog.Logger
}

// Log is a connection to the streams of one NATS system. It is safe for concurrent use and holds no goroutine.
type Log struct {
	nc       *nats.Conn
	js       jetstream.JetStream
	replicas int
	log      *slog.Logger
	handles  sync.Map // stream name -> jetstream.Stream
	turns    turns
}

// Open makes a Log of a connection, which stays the caller's to close.
func Open(nc *nats.Conn, cfg Config) (*Log, error) {
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(requestTimeout))
	if err != nil {
		return nil, fmt.Errorf("stream: %w", err)
	}
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Log{nc: nc, js: js, replicas: max(1, cfg.Replicas), log: log, turns: newTurns()}, nil
}

// Info is a stream as it is.
type Info struct {
	// Incarnation is random and new for every stream that is created or restored: positions of another one mean
	// nothing.
	Incarnation string
	// Created is when the stream was made.
	Created time.Time
	// First and Last are the sequences of the oldest and the newest message, Messages their number. Last never goes
	// back while the stream lives.
	First, Last, Messages uint64
}

// Info asks the server about a stream. [ErrNoStream] when there is none.
func (l *Log) Info(ctx context.Context, name string) (Info, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	s, err := l.js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return Info{}, fmt.Errorf("%w: %s", ErrNoStream, name)
	}
	if err != nil {
		return Info{}, unavailable("stream.info", err)
	}
	return infoOf(s.CachedInfo()), nil
}

func infoOf(si *jetstream.StreamInfo) Info {
	return Info{
		Incarnation: si.Config.Metadata[incarnationKey],
		Created:     si.Created,
		First:       si.State.FirstSeq,
		Last:        si.State.LastSeq,
		Messages:    si.State.Msgs,
	}
}

// ErrNoStream says that the server has no such stream.
var ErrNoStream = errors.New("stream: no such stream")

// unavailable makes an error of the server or the connection one that a caller may retry.
func unavailable(op string, err error) error {
	return fault.Op(op, fault.New(fault.Unavailable, "UNAVAILABLE", fault.Wrapping(err), fault.RetryIn(time.Second)))
}
