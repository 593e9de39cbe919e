package main

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/kikigaki/kikigaki/services/simulator"
)

const (
	demoPassword = "kikigaki-demo" //nolint:gosec // of the demo, for everybody to see
	demoSecret   = "sk-demo-0123456789abcdef"
	demoModel    = "sim-large"
)

type demoCommand struct {
	config

	Simulator string `env:"KIKIGAKI_SIMULATOR" default:"127.0.0.1:8089" help:"Address of the simulated provider."`
}

// Run runs everything with something to look at.
func (c *demoCommand) Run(ctx context.Context) error {
	c.BootstrapAdmin = "admin:" + demoPassword
	c.AllowAddresses = append(c.AllowAddresses, "127.0.0.0/8")
	sim, base, err := startSimulator(ctx, c.Simulator)
	if err != nil {
		return err
	}
	p, err := newProcess(ctx, c.config)
	if err != nil {
		return errors.Join(err, sim.Stop(ctx))
	}
	err = p.run(ctx, func(ctx context.Context) error {
		token, err := seeding{p: p, base: base}.run(ctx)
		if err != nil {
			return err
		}
		sayf("\nKikigaki is at %s", p.url())
		sayf("  %-13s  %-8s  %s", "administrator", "admin", demoPassword)
		sayf("  %-13s  %-8s  %s", "operator", "operator", demoPassword)
		sayf("  (another tenant's administrator: other-admin  %s)", demoPassword)
		sayf("API token  %s", token)
		sayf("Provider   %s\n", c.providerName())
		sayf("Log in, choose a call, click AI解析. Ctrl-C stops it; started again, everything is still there.")
		return nil
	})
	return errors.Join(err, sim.Stop(context.WithoutCancel(ctx)))
}

func (c *demoCommand) providerName() string {
	name := "simulated, at http://" + c.Simulator + " (answers say so)"
	if os.Getenv("OPENAI_API_KEY") != "" {
		name += "; OpenAI, if " + c.Data + " began with OPENAI_API_KEY set"
	}
	return name
}

func startSimulator(ctx context.Context, address string) (*simulator.Server, string, error) {
	sim := simulator.New(simulator.Config{
		Keys:    []simulator.Key{{Secret: demoSecret, Organization: "org-simulator"}},
		Latency: simulator.DefaultLatency,
	})
	base, err := sim.Start(ctx, address)
	return sim, base, err
}

type simulatorCommand struct {
	Listen string   `default:"127.0.0.1:8089"           help:"Address to answer on."`
	Key    []string `default:"sk-demo-0123456789abcdef" help:"Keys to accept."`
	Admin  bool     `help:"Let anybody who can reach it script faults and read the ledger."`
}

// Run answers as a provider until the process is told to stop.
func (c *simulatorCommand) Run(ctx context.Context) error {
	cfg := simulator.Config{Latency: simulator.DefaultLatency, Admin: c.Admin}
	for _, k := range c.Key {
		cfg.Keys = append(cfg.Keys, simulator.Key{Secret: k, Organization: "org-simulator"})
	}
	sim := simulator.New(cfg)
	base, err := sim.Start(ctx, c.Listen)
	if err != nil {
		return err
	}
	sayf("The simulated provider is at %s and accepts %s", base, strings.Join(c.Key, ", "))
	<-ctx.Done()
	return sim.Stop(context.WithoutCancel(ctx))
}
