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
	"github.com/kikigaki/kikigaki/pkg/telemetry"
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
	// Telemetry makes spans and measurements of writes; the zero value makes none.
	Telemetry telemetry.Scope
}

// Log is a connection to the streams of one NATS system. It is safe for concurrent use and holds no goroutine.
type Log struct {
	nc       *nats.Conn
	js       jetstream.JetStream
	replicas int
	log      *slog.Logger
	handles  *sync.Map // stream name -> jetstream.Stream
	memory   *sync.Map // stream name -> Declaration, of streams in memory
	turns    turns
	seen     observer
}

// Open makes a Log of a connection, which stays the caller's to close. It asks the server nothing.
func Open(nc *nats.Conn, cfg Config) (*Log, error) {
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(requestTimeout))
	if err != nil {
		return nil, fmt.Errorf("stream: %w", err)
	}
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	l := &Log{nc: nc, js: js, replicas: max(1, cfg.Replicas), log: log, handles: &sync.Map{}, turns: newTurns()}
	l.memory = &sync.Map{}
	return l.For(cfg.Telemetry), nil
}

// For is the same log, whose writes are observed as those of one service. Services in one process share a Log, since
// their writes have to take turns, but not their names. No log for no log.
func (l *Log) For(scope telemetry.Scope) *Log {
	if l == nil {
		return nil
	}
	mine := *l
	if mine.seen = newObserver(scope); mine.seen.err != nil {
		l.log.Error("writes are not measured", "error", mine.seen.err)
	}
	return &mine
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
	// Asked is when the server answered, by the clock that it stamps messages with.
	Asked time.Time
	// Leader is the name of the server that leads the stream; empty while none does, and on a server by itself.
	Leader string
	// Behind are the servers that keep the stream and do not have all of it, by name; stopping another one while there
	// are some may stop all writing.
	Behind []string
}

// Info asks the server about a stream. [ErrNoStream] when there is none; Unavailable when it does not answer within 5 s.
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
	info := Info{
		Incarnation: si.Config.Metadata[incarnationKey],
		Created:     si.Created,
		First:       si.State.FirstSeq,
		Last:        si.State.LastSeq,
		Messages:    si.State.Msgs,
		Asked:       si.TimeStamp,
	}
	if si.Cluster == nil {
		return info
	}
	info.Leader = si.Cluster.Leader
	for _, r := range si.Cluster.Replicas {
		if !r.Current || r.Offline || r.Lag > 0 {
			info.Behind = append(info.Behind, r.Name)
		}
	}
	return info
}

// ErrNoStream says that the server has no such stream.
var ErrNoStream = errors.New("stream: no such stream")

// unavailable makes an error of the server or the connection one that a caller may retry.
func unavailable(op string, err error) error {
	return fault.Op(op, fault.New(fault.Unavailable, "UNAVAILABLE", fault.Wrapping(err), fault.RetryIn(time.Second)))
}
