package streamtest

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Outsider is a program of somebody else's that speaks NATS over a port.
type Outsider struct {
	nc *nats.Conn
	js jetstream.JetStream
}

// Outside connects to the server at an address, host:port, with a token for a name, until the test ends. The error is the
// server's, which may not let it in. A connection that is lost is not made again.
func Outside(t testing.TB, address, token string) (*Outsider, error) {
	t.Helper()
	nc, err := nats.Connect("nats://"+address, nats.Token(token), nats.Timeout(30*time.Second), nats.NoReconnect(),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { t.Log(err) }))
	if err != nil {
		return nil, err
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	return &Outsider{nc, js}, err
}

// Publish publishes to a stream and waits for its acknowledgement.
func (o *Outsider) Publish(ctx context.Context, subject string, data []byte) error {
	_, err := o.js.Publish(ctx, subject, data)
	return err
}

// Hear listens to a subject. The server knows it when Hear returns; nothing that is published after it is missed.
func (o *Outsider) Hear(subject string) (<-chan []byte, error) {
	out := make(chan []byte, 1000)
	_, err := o.nc.Subscribe(subject, func(m *nats.Msg) { out <- m.Data })
	if err == nil {
		err = o.nc.Flush()
	}
	return out, err
}
