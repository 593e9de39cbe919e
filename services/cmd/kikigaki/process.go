package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync/atomic"

	"google.golang.org/grpc"

	"github.com/kikigaki/kikigaki/pkg/lifecycle"
	"github.com/kikigaki/kikigaki/pkg/serve"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/telemetry"
	"github.com/kikigaki/kikigaki/services/access"
	"github.com/kikigaki/kikigaki/services/internal/broker"
	"github.com/kikigaki/kikigaki/services/internal/catalogue"
	"github.com/kikigaki/kikigaki/services/internal/edge"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// process is services in one process. Services in it talk over in-memory connections, through the same gRPC stack as
// to services elsewhere; which service is at which end is fixed here.
type process struct {
	cfg      config
	name     string     // of the one service; empty: all
	away     *elsewhere // where the others are; nil: in this process
	logger   *slog.Logger
	observed *telemetry.Telemetry
	allow    []netip.Prefix
	texts    *catalogue.Catalogue
	secrets  identity.Secrets
	verifier *identity.Verifier
	group    *lifecycle.Group

	broker   *broker.Broker
	log      *stream.Log
	accounts *access.Service
	servers  map[string]*serve.Server // by service
	running  []service
	conns    []*grpc.ClientConn
	edges    map[string]*edge.Edge
	gate     atomic.Pointer[edge.Edge] // by which publishers at the log's port are known; nil until access runs
	mounts   []func(*http.ServeMux)
	drains   []func() // end streams

	outside  *serve.Server
	web, ops *serve.HTTP
	httpAddr net.Addr
	grpcAddr net.Addr
	// madePassword is the first administrator's, when it was made at this start.
	madePassword string
}

// newProcess makes a process of everything.
func newProcess(ctx context.Context, cfg config) (*process, error) {
	p, err := prepare(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if p.secrets, err = identity.LoadOrGenerateSecrets(cfg.serviceSecret(), roleNames()...); err != nil {
		return nil, err
	}
	p.verifier = identity.NewVerifier(p.secrets)
	p.group = lifecycle.New(p.logger, p.together()...)
	return p, nil
}

// prepare does what every process needs first.
func prepare(ctx context.Context, cfg config) (*process, error) {
	p := &process{cfg: cfg, logger: cfg.logger(), servers: map[string]*serve.Server{}, edges: map[string]*edge.Edge{}}
	var err error
	if p.allow, err = cfg.allowed(); err != nil {
		return nil, err
	}
	if p.texts, err = catalogue.Load(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, err
	}
	p.observed, err = telemetry.New(ctx, telemetry.Config{Endpoint: cfg.OTLP, Version: version(), Logger: p.logger})
	if err != nil {
		return nil, fmt.Errorf("--otlp: %w", err)
	}
	return p, nil
}

// apart tells whether the other services are in other processes.
func (p *process) apart() bool { return p.away != nil }

func (p *process) signer(name string) (*identity.Signer, error) {
	return identity.NewSigner(p.secrets, name)
}

// unit is a service with the gRPC server it answers on.
func (p *process) unit(r role) lifecycle.Unit {
	var s service
	return lifecycle.Unit{
		Name: r.name,
		Start: func(ctx context.Context) (err error) {
			if s, err = r.build(p); err != nil {
				return err
			}
			from := identity.Receiver{Verifier: p.verifier, Peer: serve.PeerService}
			server := serve.New(serve.Config{
				Logger: p.logger.With("service", r.name), Telemetry: p.observed.For(r.name),
				Unary: []grpc.UnaryServerInterceptor{from.Unary()}, Stream: []grpc.StreamServerInterceptor{from.Stream()},
			})
			s.Register(server.GRPC())
			p.servers[r.name], p.running = server, append(p.running, s)
			return s.Start(ctx)
		},
		Stop: func(ctx context.Context) error {
			// The service first: what it still does may need others, and they are still there. Then its server.
			return errors.Join(s.Stop(ctx), p.servers[r.name].Stop(ctx))
		},
		Ready: func(ctx context.Context) error { return s.Ready(ctx) },
	}
}

// edge is the HTTP edge of a service; it asks access who is calling in that service's name.
func (p *process) edge(name string) (*edge.Edge, error) {
	if e := p.edges[name]; e != nil {
		return e, nil
	}
	conn, err := p.dial(name, access.Name)
	if err != nil {
		return nil, err
	}
	p.edges[name] = edge.New(accessClient(conn), p.verifier, p.texts, p.logger.With("service", name))
	return p.edges[name], nil
}

func (p *process) start(ctx context.Context) error { return p.group.Start(ctx) }

// stop ends everything; the spans of the end itself are the last to be delivered.
func (p *process) stop(ctx context.Context) error {
	err := p.group.Stop(ctx)
	for _, c := range p.conns {
		err = errors.Join(err, c.Close())
	}
	if lost := p.observed.Shutdown(ctx); lost != nil {
		p.logger.WarnContext(ctx, "the last traces were not delivered", "error", lost)
	}
	return err
}
