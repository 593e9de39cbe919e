package broker

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// connect makes the connection that the process keeps for its life. It never gives up reconnecting: a service without
// its log is of no use, and one that had stopped trying would have to be restarted by hand after every outage.
func (b *Broker) connect(url string, how nats.Option) error {
	nc, err := nats.Connect(url, how,
		nats.Name("kikigaki"),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(retryWait),
		// A cut that nobody reports (a node that vanished) is noticed within 30 seconds, not within minutes.
		nats.PingInterval(10*time.Second),
		nats.MaxPingsOutstanding(2),
		nats.ConnectHandler(func(*nats.Conn) { b.log.Debug("connected to the log") }),
		nats.ReconnectHandler(func(*nats.Conn) { b.log.Info("connected to the log again") }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil { // nil when we close it ourselves
				b.log.Warn("connection to the log lost", slog.Any("error", err))
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			b.log.Error("connection to the log", slog.Any("error", err))
		}),
		nats.ClosedHandler(func(*nats.Conn) { close(b.closed) }),
	)
	if err != nil {
		return fmt.Errorf("broker: connect: %w", err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		nc.Close()
		return fmt.Errorf("broker: %w", err)
	}
	b.nc, b.js = nc, js
	return nil
}

// drain lets subscriptions finish and closes the connection, which a context that ends early does at once.
func (b *Broker) drain(ctx context.Context) error {
	if b.nc == nil {
		return nil
	}
	if err := b.nc.Drain(); err != nil {
		b.nc.Close() // closed already, or in the middle of connecting: there is nothing to finish
	}
	select {
	case <-b.closed:
		return nil
	case <-ctx.Done():
		b.nc.Close()
		return fmt.Errorf("broker: drain: %w", context.Cause(ctx))
	}
}
