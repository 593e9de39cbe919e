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

	"google.golang.org/grpc"

	"github.com/kikigaki/kikigaki/pkg/lifecycle"
	"github.com/kikigaki/kikigaki/pkg/serve"
	"github.com/kikigaki/kikigaki/pkg/stream"
	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	"github.com/kikigaki/kikigaki/services/access"
	analysis "github.com/kikigaki/kikigaki/services/analysis-worker"
	"github.com/kikigaki/kikigaki/services/console"
	"github.com/kikigaki/kikigaki/services/internal/broker"
	"github.com/kikigaki/kikigaki/services/internal/catalogue"
	"github.com/kikigaki/kikigaki/services/internal/edge"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	keys "github.com/kikigaki/kikigaki/services/key-registry"
	notify "github.com/kikigaki/kikigaki/services/notification"
	prompts "github.com/kikigaki/kikigaki/services/prompt-registry"
	ingest "github.com/kikigaki/kikigaki/services/transcript-ingest"
)

// process is all services in one process. Services talk over in-memory connections, through the same gRPC stack as
// services apart; which service is at which end is fixed here.
type process struct {
	cfg      config
	logger   *slog.Logger
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
	mounts   []func(*http.ServeMux)
	drain    func() // ends event streams

	outside  *serve.Server
	web      *serve.HTTP
	httpAddr net.Addr
	// madePassword is the first administrator's, when it was made at this start.
	madePassword string
}

func newProcess(cfg config) (*process, error) {
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
	p.secrets, err = identity.LoadOrGenerateSecrets(cfg.serviceSecret(),
		access.Name, keys.Name, prompts.Name, ingest.Name, analysis.Name, notify.Name, console.Name)
	if err != nil {
		return nil, err
	}
	p.verifier = identity.NewVerifier(p.secrets)
	p.group = lifecycle.New(p.logger, p.wiring()...)
	return p, nil
}

func (p *process) signer(name string) (*identity.Signer, error) {
	return identity.NewSigner(p.secrets, name)
}

// unit is a service with the gRPC server it answers on.
func (p *process) unit(name string, build func() (service, error)) lifecycle.Unit {
	var s service
	return lifecycle.Unit{
		Name: name,
		Start: func(ctx context.Context) (err error) {
			if s, err = build(); err != nil {
				return err
			}
			from := identity.Receiver{Verifier: p.verifier, Peer: serve.PeerService}
			server := serve.New(serve.Config{
				Logger: p.logger.With("service", name),
				Unary:  []grpc.UnaryServerInterceptor{from.Unary()}, Stream: []grpc.StreamServerInterceptor{from.Stream()},
			})
			s.Register(server.GRPC())
			p.servers[name], p.running = server, append(p.running, s)
			return s.Start(ctx)
		},
		Stop: func(ctx context.Context) error {
			// The service first: what it still does may need others, and they are still there. Then its server.
			return errors.Join(s.Stop(ctx), p.servers[name].Stop(ctx))
		},
		Ready: func(ctx context.Context) error { return s.Ready(ctx) },
	}
}

// dial opens a connection from one service to another.
func (p *process) dial(from, to string) (*grpc.ClientConn, error) {
	server := p.servers[to]
	if server == nil {
		return nil, fmt.Errorf("%s needs %s, which has not started", from, to)
	}
	signer, err := p.signer(from)
	if err != nil {
		return nil, err
	}
	conn, err := server.Dial(from,
		grpc.WithChainUnaryInterceptor(signer.Unary()), grpc.WithChainStreamInterceptor(signer.Stream()))
	if err == nil {
		p.conns = append(p.conns, conn)
	}
	return conn, err
}

func (p *process) dialAll(from string, to ...string) (map[string]*grpc.ClientConn, error) {
	out := map[string]*grpc.ClientConn{}
	for _, name := range to {
		conn, err := p.dial(from, name)
		if err != nil {
			return nil, err
		}
		out[name] = conn
	}
	return out, nil
}

// edge is the HTTP edge of a service; it asks access who is calling in that service's name.
func (p *process) edge(name string) *edge.Edge {
	if e := p.edges[name]; e != nil {
		return e
	}
	conn, err := p.dial(name, access.Name)
	if err != nil {
		p.logger.Error("an edge cannot ask access", "service", name, "error", err)
	}
	p.edges[name] = edge.New(accessv1.NewAccessServiceClient(conn), p.verifier, p.texts, p.logger.With("service", name))
	return p.edges[name]
}

func (p *process) start(ctx context.Context) error { return p.group.Start(ctx) }

func (p *process) stop(ctx context.Context) error {
	err := p.group.Stop(ctx)
	for _, c := range p.conns {
		err = errors.Join(err, c.Close())
	}
	return err
}
