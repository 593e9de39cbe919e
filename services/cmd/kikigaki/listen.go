package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc"

	"github.com/kikigaki/kikigaki/pkg/serve"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/services/console"
	"github.com/kikigaki/kikigaki/services/internal/broker"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	notify "github.com/kikigaki/kikigaki/services/notification"
	ingest "github.com/kikigaki/kikigaki/services/transcript-ingest"
)

// bootstrapTenant is the tenant that an installation begins with.
const bootstrapTenant = "default"

func (p *process) startBroker(ctx context.Context) (err error) {
	if p.cfg.NATS != "" && p.cfg.NATSListen != "" {
		return errors.New("--nats-listen is the embedded log's port, and --nats names another log")
	}
	p.broker, err = broker.Start(ctx, broker.Config{
		DataDir: filepath.Clean(p.cfg.Data), URL: p.cfg.NATS, Logger: p.logger.With("service", "log"),
		Listen: p.cfg.NATSListen, Publishers: p.publisher,
	})
	return err
}

func (p *process) stopBroker(ctx context.Context) error { return p.broker.Stop(ctx) }

func (p *process) brokerReady(ctx context.Context) error { return p.broker.Ready(ctx) }

// openLog declares the streams. A stream that is missing where the marker remembers one was lost: starting over it
// with an empty one would look like a fresh installation.
func (p *process) openLog(ctx context.Context) (err error) {
	if p.log, err = stream.Open(p.broker.Conn(), stream.Config{Replicas: p.broker.Replicas(), Logger: p.logger}); err != nil {
		return err
	}
	return broker.Declare(ctx, p.log, p.broker.Marker())
}

func (p *process) bootstrap(ctx context.Context) error {
	login, password, err := p.cfg.admin()
	if err != nil {
		return err
	}
	created, used, err := p.accounts.Bootstrap(ctx, bootstrapTenant, login, password)
	if err != nil {
		return fmt.Errorf("--bootstrap-admin: %w", err)
	}
	if created && password == "" {
		p.madePassword = used
	}
	return nil
}

// connectionAge is how long others use a connection to a service by itself before they make a new one: so soon they
// learn of replicas that were added.
const connectionAge = 5 * time.Minute

// startGRPC answers publishers and other programs from outside, who bring an API token, and services elsewhere, who
// bring statements.
func (p *process) startGRPC(ctx context.Context) error {
	if p.cfg.GRPC == "" {
		return nil
	}
	var age time.Duration
	if p.apart() {
		age = connectionAge
	}
	e, err := p.edge(p.front())
	if err != nil {
		return err
	}
	from := identity.Receiver{Verifier: p.verifier, Resolve: e.Resolve}
	p.outside = serve.New(serve.Config{
		Logger: p.logger, MaxConnectionAge: age, Telemetry: p.observed.For(p.front()),
		Unary: []grpc.UnaryServerInterceptor{from.Unary()}, Stream: []grpc.StreamServerInterceptor{from.Stream()},
	})
	for _, s := range p.running {
		s.Register(p.outside.GRPC())
	}
	p.grpcAddr, err = p.outside.Listen(ctx, p.cfg.GRPC)
	return err
}

// front is the service that those outside have before them.
func (p *process) front() string {
	if p.apart() {
		return p.name
	}
	return console.Name
}

func (p *process) stopGRPC(ctx context.Context) error {
	if p.outside == nil {
		return nil
	}
	p.drain()
	return p.outside.Stop(ctx)
}

// drain ends the streams that would otherwise be waited for.
func (p *process) drain() {
	for _, drain := range p.drains {
		drain()
	}
}

func (p *process) startHTTP(ctx context.Context) (err error) {
	mux := http.NewServeMux()
	if !p.apart() {
		p.mountHealth(mux)
	}
	for _, mount := range p.mounts {
		mount(mux)
	}
	_, lasting, _ := strings.Cut(notify.StreamPath, " ")
	p.web = serve.NewHTTP(mux, p.logger, serve.Traced(p.observed.For(p.front()), lasting, ingest.VoiceLogPath))
	p.web.OnShutdown(p.drain)
	p.httpAddr, err = p.web.Listen(ctx, p.cfg.HTTP)
	return err
}

// mountHealth serves what those ask who watch over a process: whether it lives, whether it can do its work, and its
// figures.
func (p *process) mountHealth(mux *http.ServeMux) {
	mux.Handle("GET /healthz", serve.Health(func(context.Context) error { return nil }))
	mux.Handle("GET /readyz", serve.Health(p.group.Ready))
	mux.Handle("GET /metrics", p.observed.Handler())
}

// startOps serves health and figures apart from everything else, where no gateway sends strangers.
func (p *process) startOps(ctx context.Context) error {
	mux := http.NewServeMux()
	p.mountHealth(mux)
	p.ops = serve.NewHTTP(mux, p.logger)
	_, err := p.ops.Listen(ctx, p.away.ops)
	return err
}

func (p *process) stopOps(ctx context.Context) error { return p.ops.Stop(ctx) }

func (p *process) stopHTTP(ctx context.Context) error { return p.web.Stop(ctx) }

// url is where the API and the screens are.
func (p *process) url() string { return "http://" + p.httpAddr.String() }
