package broker

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"golang.org/x/sync/errgroup"

	"github.com/kikigaki/kikigaki/proto/subject"
)

// port guards the embedded server's listener. Whoever comes over it brings an API token and gets an account of the server
// of its own, in which nothing exists but its tenant's inbox and the notes on what was refused of it: there is no JetStream
// in there, and whatever it publishes with whatever reply subject stays in there or goes the way of the relay. Our own
// connections do not come over the listener and live in the server's global account, as without a port.
type port struct {
	resolve func(ctx context.Context, token string) (Publisher, error)
	log     *slog.Logger

	mu       sync.Mutex
	run      *server.Server             // the server that runs now
	homes    map[string]*server.Account // accounts that are complete, by publisher
	sessions map[uint64]session         // by the server's number of the connection
}

// attach gives the port its server before that starts. What an earlier server had is forgotten.
func (p *port) attach(run *server.Server) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.run, p.homes, p.sessions = run, map[string]*server.Account{}, map[uint64]session{}
	if err := run.GlobalAccount().AddServiceExport(subject.RelayedAll(), server.IsPublicExport); err != nil {
		return fmt.Errorf("broker: port: %w", err)
	}
	if err := run.GlobalAccount().AddStreamExport(subject.RefusedAnywhere(), server.IsPublicExport); err != nil {
		return fmt.Errorf("broker: port: %w", err)
	}
	return nil
}

// Check lets a connection in or not. The server asks it for every connection, also for one that names itself again.
func (p *port) Check(c server.ClientAuthentication) bool {
	if ownConnection(c) {
		return true
	}
	opts := c.GetOpts()
	token := opts.Token
	if token == "" {
		token = opts.Password
	}
	publisher, err := p.ask(context.Background(), token) // the server hands on no context
	if err == nil {
		err = p.admit(c, publisher, token)
	}
	if err != nil {
		p.turnAway(c, err)
	}
	return err == nil
}

// turnAway ends a connection that is not let in. Clients that are told twice that they may not come in give up for good, so
// only a verdict on the token is told; all others find the connection closed, and try again.
func (p *port) turnAway(c server.ClientAuthentication, err error) {
	p.log.Info("refused a publisher", slog.String("address", address(c)), slog.Any("error", err))
	// The server logs the name that was given, and some give their token for it.
	c.RegisterUser(&server.User{Username: "refused", Permissions: nothing()})
	if refuses(err) {
		return
	}
	p.mu.Lock()
	run := p.run
	p.mu.Unlock()
	_ = run.DisconnectClientByID(c.GetID()) // gone by itself otherwise
}

// ownConnection tells our own connections, which are a pipe inside this process, from those over the listener. A peer
// has no influence on it.
func ownConnection(c server.ClientAuthentication) bool {
	addr := c.RemoteAddress()
	return c.Kind() == server.CLIENT && addr != nil && addr.Network() == "pipe"
}

func address(c server.ClientAuthentication) string {
	if addr := c.RemoteAddress(); addr != nil {
		return addr.String()
	}
	return "unknown"
}

// ask finds out who a token is.
func (p *port) ask(ctx context.Context, token string) (Publisher, error) {
	if token == "" || len(token) > maxToken {
		return Publisher{}, errNobody
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	publisher, err := p.resolve(ctx, token)
	if err == nil && (publisher.Tenant == "" || publisher.Account == "") {
		err = errNobody
	}
	return publisher, err
}

// admit moves a connection to its publisher's account and remembers it.
func (p *port) admit(c server.ClientAuthentication, publisher Publisher, token string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := p.others(c.GetID(), publisher); n >= maxPerPublisher {
		return fmt.Errorf("broker: %s has %d connections", publisher.name(), n)
	}
	home, err := p.home(publisher)
	if err != nil {
		return err
	}
	c.RegisterUser(&server.User{Username: publisher.name(), Account: home, Permissions: permissions(publisher.Tenant)})
	p.sessions[c.GetID()] = session{publisher: publisher, token: token, confirmed: time.Now()}
	return nil
}

// others counts the connections of a publisher beside one. What is gone is forgotten.
func (p *port) others(id uint64, publisher Publisher) (n int) {
	for other, s := range p.sessions {
		switch {
		case p.run.GetClient(other) == nil:
			delete(p.sessions, other)
		case other != id && s.publisher == publisher:
			n++
		}
	}
	return n
}

// watch asks about every connection's token again and again, until the context ends.
func (p *port) watch(ctx context.Context) {
	tick := time.NewTicker(recheckEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.recheck(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// recheck ends the connections whose token is not good any more. A token is asked about once for all its connections.
func (p *port) recheck(ctx context.Context) {
	p.mu.Lock()
	run, sessions := p.run, maps.Clone(p.sessions)
	p.mu.Unlock()
	byToken := map[string][]uint64{}
	for id, s := range sessions {
		byToken[s.token] = append(byToken[s.token], id)
	}
	var asking errgroup.Group
	asking.SetLimit(8)
	for token, ids := range byToken {
		if ctx.Err() != nil {
			break
		}
		asking.Go(func() error {
			publisher, err := p.ask(ctx, token)
			for _, id := range ids {
				p.settle(ctx, run, id, sessions[id], publisher, err)
			}
			return nil
		})
	}
	_ = asking.Wait() // none fails
}

// settle keeps a connection or ends it, unless it has named itself anew meanwhile.
func (p *port) settle(ctx context.Context, run *server.Server, id uint64, s session, publisher Publisher, err error) {
	next, stays := s.recheck(time.Now(), publisher, err)
	if !p.replace(run, id, s, next, stays) {
		return
	}
	if run.DisconnectClientByID(id) == nil {
		p.log.InfoContext(ctx, "a publisher's token is not good any more",
			slog.String("publisher", s.publisher.name()), slog.Any("error", err))
	}
}

// replace notes what became of a connection and tells whether it is to be ended.
func (p *port) replace(run *server.Server, id uint64, before, next session, stays bool) (end bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.run != run || p.sessions[id] != before {
		return false
	}
	if stays && run.GetClient(id) != nil {
		p.sessions[id] = next
		return false
	}
	delete(p.sessions, id)
	return !stays
}
