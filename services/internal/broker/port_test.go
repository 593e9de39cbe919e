package broker

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/proto/subject"
)

// nobody is whom a port lets in that lets in nobody.
func nobody(context.Context, string) (Publisher, error) {
	return Publisher{}, fault.New(fault.Unauthenticated, "UNAUTHENTICATED")
}

// door is a broker with a port, the inbox, a call history to spoil, and the tokens that are good just now.
type door struct {
	*Broker
	log page

	mu     sync.Mutex
	tokens map[string]Publisher
	err    error // what every question is answered with, if any
	asked  map[string]int
}

func openDoor(t *testing.T, cfg Config) *door {
	t.Helper()
	d := &door{
		tokens: map[string]Publisher{
			"token-north": {Tenant: "north", Account: "asr"}, "token-north-2": {Tenant: "north", Account: "dialer"},
			"token-south": {Tenant: "south", Account: "asr"},
		},
		asked: map[string]int{},
	}
	cfg.DataDir, cfg.Listen, cfg.Publishers = t.TempDir(), cmp.Or(cfg.Listen, "127.0.0.1:0"), d.resolve
	cfg.Logger = newLogger(&d.log)
	d.Broker = start(t, cfg)
	for name, noun := range map[string]string{
		subject.Inbox: subject.NounInbox, subject.Calls: subject.NounCall, "HINTS": subject.NounHint,
	} {
		_, err := d.js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{subject.All(noun)}})
		if err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func (d *door) resolve(_ context.Context, token string) (Publisher, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked[token]++
	p, ok := d.tokens[token]
	if d.err != nil {
		return p, d.err
	}
	if !ok {
		return p, fault.New(fault.Unauthenticated, "UNAUTHENTICATED")
	}
	return p, nil
}

// questions is how often each token was asked about.
func (d *door) questions() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.asked)
}

func (d *door) set(token string, p Publisher) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tokens[token] = p
}

func (d *door) revoke(token string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.tokens, token)
}

func (d *door) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

// held is what a stream holds, subjects and texts in order.
func (d *door) held(t *testing.T, stream string) (out []*jetstream.RawStreamMsg) {
	t.Helper()
	s, err := d.js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	for seq := max(1, s.CachedInfo().State.FirstSeq); seq <= s.CachedInfo().State.LastSeq; seq++ {
		m, err := s.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

// outsider is a publisher's own NATS client, as it would be in another program.
type outsider struct {
	*nats.Conn
	js     jetstream.JetStream
	errs   chan error
	closed chan struct{}
}

func (d *door) outside(t *testing.T, opts ...nats.Option) *outsider {
	t.Helper()
	o, err := d.knock(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	return o
}

func (d *door) knock(opts ...nats.Option) (o *outsider, err error) {
	o = &outsider{errs: make(chan error, 1000), closed: make(chan struct{})}
	opts = append([]nats.Option{
		nats.ReconnectWait(50 * time.Millisecond), nats.Timeout(time.Minute),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { o.errs <- err }),
		nats.ClosedHandler(func(*nats.Conn) { close(o.closed) }),
	}, opts...)
	if o.Conn, err = nats.Connect("nats://"+d.Addr().String(), opts...); err != nil {
		return nil, err
	}
	o.js, err = jetstream.New(o.Conn)
	return o, err
}

// denied waits for the server's word that something was not allowed.
func (o *outsider) denied(t *testing.T, what string) {
	t.Helper()
	timeout := time.After(time.Minute)
	for {
		select {
		case err := <-o.errs:
			if errors.Is(err, nats.ErrPermissionViolation) || errors.Is(err, nats.ErrMaxSubscriptionsExceeded) {
				return
			}
			t.Logf("%s: %v", what, err)
		case <-timeout:
			t.Errorf("%s: the server did not object", what)
			return
		}
	}
}

func (o *outsider) publish(t *testing.T, at, text string) *jetstream.PubAck {
	t.Helper()
	ack, err := o.js.Publish(t.Context(), at, []byte(text))
	if err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	return ack
}
