package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// DefaultMaxStore bounds the embedded log, in bytes. It is a limit and reserves nothing: a smaller disk is full
	// earlier, and whoever appends has to watch it. It has to hold the limits of all streams together, because the
	// server counts those and not what is stored.
	DefaultMaxStore = 256 << 30

	// clusterReplicas is how many servers of a cluster keep each stream: one may be lost, and writing goes on.
	clusterReplicas = 3

	// askTimeout bounds one question whether JetStream answers.
	askTimeout = 2 * time.Second
	// retryWait is the pause between two attempts to connect, or to be ready.
	retryWait = 250 * time.Millisecond
)

// Config says where the log is. The zero value runs an embedded server over ./data.
type Config struct {
	// DataDir is the directory that the embedded server works in, "data" when empty; it is made with mode 0700. Unused
	// with a URL.
	DataDir string
	// URL of an external NATS system, several separated by commas. Empty runs the embedded server.
	URL string
	// Listen is the address, host:port, on which the embedded server accepts publishers; port 0 takes any. Empty opens no
	// port. It is not encrypted: beyond the loopback interface tokens can be read on the way. See [Publisher].
	Listen string
	// Publishers says who an API token belongs to, and that the account may publish; needed with Listen. A refusal is a
	// fault that says so (Unauthenticated, Forbidden, NotFound); any other error means that nobody can tell just now. It is
	// asked at every connection and then every 5 seconds, and has 3 seconds.
	Publishers func(ctx context.Context, token string) (Publisher, error)
	// MinFree is how much room the disk of an embedded log is to keep, in bytes: below it [Broker.Room] refuses. 0 is 2 %
	// of the disk, at least 256 MiB and at most 2 GiB, but never more than a tenth of it.
	MinFree uint64
	// MaxStore bounds the embedded log in bytes; 0 is [DefaultMaxStore].
	MaxStore int64
	// Replicas of each stream on an external system; 0 is 3 on a cluster and 1 on a server by itself. An embedded server
	// keeps one.
	Replicas int
	// Logger takes what server and connection have to say; nil discards it.
	Logger *slog.Logger
}

// Broker is the way to the log. It is safe for concurrent use.
type Broker struct {
	log      *slog.Logger
	nc       *nats.Conn
	js       jetstream.JetStream
	closed   chan struct{} // closed with nc
	replicas int
	server   *embedded // nil when the log is elsewhere, and so are the others
	space    *space
	relay    *relay // nil without a port
	watching sync.WaitGroup
	unwatch  context.CancelFunc
}

// Start starts the embedded server, or connects to the external system, and waits until JetStream answers. It gives up
// when the context ends; a process that may start before its NATS cluster passes one that lives long. Embedded, it fails
// at once when the port is taken or another process owns the data directory ([ErrInUse]).
func Start(ctx context.Context, cfg Config) (*Broker, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	b := &Broker{log: cfg.Logger, closed: make(chan struct{}), replicas: 1}
	connect := nats.RetryOnFailedConnect(true)
	if cfg.URL == "" {
		server, err := startEmbedded(ctx, cfg)
		if err != nil {
			return nil, err
		}
		b.server = server
		connect = nats.InProcessServer(server)
	}
	err := b.connect(cfg.URL, connect)
	if err == nil {
		err = b.awaitReady(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, b.Stop(context.WithoutCancel(ctx)))
	}
	if b.nc.ConnectedClusterName() != "" {
		b.replicas = clusterReplicas
	}
	b.replicas = cmp.Or(cfg.Replicas, b.replicas)
	if b.server == nil {
		return b, nil
	}
	if err := b.attend(context.WithoutCancel(ctx), cfg); err != nil {
		return nil, errors.Join(err, b.Stop(context.WithoutCancel(ctx)))
	}
	return b, nil
}

// Conn is the connection to the log, the same for the life of the broker: it comes back by itself whenever it is cut.
// The broker closes it.
func (b *Broker) Conn() *nats.Conn { return b.nc }

// Replicas is how many servers keep each stream.
func (b *Broker) Replicas() int { return b.replicas }

// Addr is where the embedded server accepts other programs, nil when it has no port.
func (b *Broker) Addr() net.Addr {
	if b.server == nil {
		return nil
	}
	return b.server.addr()
}

// Marker remembers which streams the embedded log has held, so that one that is missing is noticed. Nil with an external
// system, whose files are not ours to lose.
func (b *Broker) Marker() *Marker {
	if b.server == nil {
		return nil
	}
	return b.server.marker
}

// Ready asks JetStream a question and tells whether it answered: nil, or why not. It takes at most 2 seconds. An embedded
// server that ran out of disk may not answer until it was restarted.
func (b *Broker) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if status := b.nc.Status(); status != nats.CONNECTED {
		return fmt.Errorf("broker: %s: %w", status, cmp.Or(b.nc.LastError(), nats.ErrDisconnected))
	}
	if _, err := b.js.AccountInfo(ctx); err != nil {
		return fmt.Errorf("broker: JetStream does not answer: %w", err)
	}
	return nil
}

// Restart stops the embedded server and starts it over the same files: the way out of a JetStream that switched itself
// off when the disk was full. The broker does it by itself once there is room again. Requests in between fail, the
// connection comes back. With an external system it does nothing.
func (b *Broker) Restart(ctx context.Context) error {
	if b.server == nil {
		return nil
	}
	return b.restart(ctx, func() bool { return true })
}

// Stop lets subscriptions finish what they have, closes the connection, stops the embedded server and gives the data
// directory free. When the context ends first it stops waiting and returns its error; the server goes on shutting down.
// Calling it again does nothing.
func (b *Broker) Stop(ctx context.Context) error {
	err := errors.Join(b.leave(ctx), b.drain(ctx))
	if b.server == nil {
		return err
	}
	return errors.Join(err, b.server.stop(ctx))
}

// awaitReady asks until JetStream answers, the connection is beyond repair or the context ends.
func (b *Broker) awaitReady(ctx context.Context) error {
	for told := false; ; told = true {
		err := b.Ready(ctx)
		if err == nil {
			return nil
		}
		if !told {
			b.log.WarnContext(ctx, "waiting for the log", slog.Any("error", err))
		}
		select {
		case <-time.After(retryWait):
		case <-b.closed:
			return fmt.Errorf("broker: the connection was closed: %w", cmp.Or(b.nc.LastError(), err))
		case <-ctx.Done():
			return errors.Join(err, context.Cause(ctx))
		}
	}
}
