package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kikigaki/kikigaki/pkg/lifecycle"
	"github.com/kikigaki/kikigaki/services/access"
	analysis "github.com/kikigaki/kikigaki/services/analysis-worker"
	"github.com/kikigaki/kikigaki/services/console"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	keys "github.com/kikigaki/kikigaki/services/key-registry"
	notify "github.com/kikigaki/kikigaki/services/notification"
	prompts "github.com/kikigaki/kikigaki/services/prompt-registry"
	ingest "github.com/kikigaki/kikigaki/services/transcript-ingest"
)

// apartFlags are those of a service in a process of its own.
type apartFlags struct {
	Ops   string   `env:"KIKIGAKI_OPS"   default:"127.0.0.1:9091" help:"Address of health and metrics: /healthz, /readyz, /metrics."`
	Peers []string `env:"KIKIGAKI_PEERS" help:"Where other services answer gRPC; a name may come once for each of its replicas (default dns:///NAME:9090)." placeholder:"NAME=ADDRESS"`
}

// elsewhere is where the other services are.
type elsewhere struct {
	ops   string
	peers map[string][]string
}

// addresses are those of a service's replicas. By default it is one name that stands for all of them, as the names of
// services in a cluster do.
func (e *elsewhere) addresses(name string) []string {
	if at := e.peers[name]; len(at) > 0 {
		return at
	}
	return []string{"dns:///" + name + ":9090"}
}

// parse reads --peers.
func (f apartFlags) parse() (*elsewhere, error) {
	e := &elsewhere{ops: f.Ops, peers: map[string][]string{}}
	for _, text := range f.Peers {
		name, address, ok := strings.Cut(strings.TrimSpace(text), "=")
		if !ok || address == "" {
			return nil, fmt.Errorf("--peers: %q: want name=address", text)
		}
		if !slices.Contains(roleNames(), name) {
			return nil, fmt.Errorf("--peers: %q: there is no service %q; there are %s", text, name, strings.Join(roleNames(), ", "))
		}
		e.peers[name] = append(e.peers[name], address)
	}
	for name, at := range e.peers {
		for _, address := range at {
			if len(at) > 1 && strings.Contains(address, "://") {
				return nil, fmt.Errorf("--peers: %s: %s stands for all replicas and cannot be one of several", name, address)
			}
		}
	}
	return e, nil
}

// newService makes a process of one service. What services share must be there: one that made its own secrets would
// be believed by nobody.
func newService(ctx context.Context, name string, cfg config, flags apartFlags) (*process, error) {
	away, err := flags.parse()
	if err != nil {
		return nil, err
	}
	if cfg.NATS == "" {
		return nil, errors.New("--nats: a service by itself needs a log that the others reach, too")
	}
	p, err := prepare(ctx, cfg)
	if err != nil {
		return nil, err
	}
	p.name, p.away = name, away
	if p.secrets, err = identity.LoadSecrets(cfg.serviceSecret()); err != nil {
		return nil, fmt.Errorf("--service-secret-file: %w (`kikigaki secrets DIR` makes what services need to know of each other)", err)
	}
	p.verifier = identity.NewVerifier(p.secrets)
	p.group = lifecycle.New(p.logger, p.alone(name)...)
	return p, nil
}

// runService runs one service until the process is told to stop.
func runService(ctx context.Context, name string, cfg config, flags apartFlags) error {
	p, err := newService(ctx, name, cfg, flags)
	if err != nil {
		return err
	}
	return p.run(ctx, func(ctx context.Context) error {
		p.logger.InfoContext(ctx, "ready", "service", name, "grpc", cfg.GRPC, "http", cfg.HTTP, "ops", flags.Ops)
		if p.madePassword != "" {
			sayf("First administrator: admin / %s (shown this once)", p.madePassword)
		}
		return nil
	})
}

// A command for each service: which flags mean something to it, and its name.
type (
	accessCommand struct {
		commonFlags
		adminFlags
		apartFlags
	}
	keysCommand struct {
		commonFlags
		sealFlags
		addressFlags
		apartFlags
	}
	promptsCommand struct {
		commonFlags
		apartFlags
	}
	ingestCommand struct {
		commonFlags
		webFlags
		apartFlags
	}
	analysisCommand struct {
		commonFlags
		addressFlags
		apartFlags
	}
	notifyCommand struct {
		commonFlags
		webFlags
		apartFlags
	}
	consoleCommand struct {
		commonFlags
		webFlags
		apartFlags
	}
)

// Run runs access alone.
func (c *accessCommand) Run(ctx context.Context) error {
	return runService(ctx, access.Name, config{commonFlags: c.commonFlags, adminFlags: c.adminFlags}, c.apartFlags)
}

// Run runs key-registry alone.
func (c *keysCommand) Run(ctx context.Context) error {
	cfg := config{commonFlags: c.commonFlags, sealFlags: c.sealFlags, addressFlags: c.addressFlags}
	return runService(ctx, keys.Name, cfg, c.apartFlags)
}

// Run runs prompt-registry alone.
func (c *promptsCommand) Run(ctx context.Context) error {
	return runService(ctx, prompts.Name, config{commonFlags: c.commonFlags}, c.apartFlags)
}

// Run runs transcript-ingest alone.
func (c *ingestCommand) Run(ctx context.Context) error {
	return runService(ctx, ingest.Name, config{commonFlags: c.commonFlags, webFlags: c.webFlags}, c.apartFlags)
}

// Run runs analysis-worker alone.
func (c *analysisCommand) Run(ctx context.Context) error {
	return runService(ctx, analysis.Name, config{commonFlags: c.commonFlags, addressFlags: c.addressFlags}, c.apartFlags)
}

// Run runs notification alone.
func (c *notifyCommand) Run(ctx context.Context) error {
	return runService(ctx, notify.Name, config{commonFlags: c.commonFlags, webFlags: c.webFlags}, c.apartFlags)
}

// Run runs console alone.
func (c *consoleCommand) Run(ctx context.Context) error {
	return runService(ctx, console.Name, config{commonFlags: c.commonFlags, webFlags: c.webFlags}, c.apartFlags)
}
