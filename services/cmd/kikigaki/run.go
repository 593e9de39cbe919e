package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/kikigaki/kikigaki/pkg/lifecycle"
	"github.com/kikigaki/kikigaki/services/access"
)

// stopTime is how long a process may take to stop: requests that are at a provider get the most of it.
const stopTime = 20 * time.Second

type allCommand struct{ config }

// Run runs everything until the process is told to stop.
func (c *allCommand) Run(ctx context.Context) error {
	p, err := newProcess(ctx, c.config)
	if err != nil {
		return err
	}
	return p.run(ctx, func(context.Context) error {
		sayf("Kikigaki is at %s", p.url())
		if at := p.broker.Addr(); at != nil {
			sayf("Publishers reach the log at nats://%s with an API token", at)
		}
		if p.madePassword != "" {
			sayf("First administrator: admin / %s (shown this once)", p.madePassword)
		}
		return nil
	})
}

// run starts the process, does what comes first, waits for the end and stops in order.
func (p *process) run(ctx context.Context, first func(context.Context) error) error {
	err := p.start(ctx)
	if err == nil {
		if err = p.awaitReady(ctx); err == nil {
			err = first(ctx)
		}
		if err == nil {
			<-ctx.Done()
			p.logger.Debug("stopping")
		}
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	return errors.Join(err, p.stop(stopping))
}

// awaitReady returns when every view has caught up.
func (p *process) awaitReady(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for p.group.Ready(ctx) != nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// sayf tells people something on standard output; logs go to standard error.
func sayf(format string, args ...any) { _, _ = fmt.Fprintf(os.Stdout, format+"\n", args...) }

type addTenantCommand struct {
	config

	Name  string `arg:"" help:"Name of the tenant: lower-case letters, digits and hyphens."`
	Admin string `required:"" help:"login:password of its first administrator."`
}

// Run adds a tenant to the log of this machine, or to an external one. Nothing listens meanwhile, and the first account
// of the installation is left to the first real start, which can tell its password.
func (c *addTenantCommand) Run(ctx context.Context) error {
	login, password, err := config{adminFlags: adminFlags{BootstrapAdmin: c.Admin}}.admin()
	if err != nil {
		return fmt.Errorf("--admin: want login:password")
	}
	c.NATSListen = "" // nobody is to publish meanwhile
	p, err := newProcess(ctx, c.config)
	if err != nil {
		return err
	}
	p.group = lifecycle.New(p.logger, p.withLog(access.Name)...)
	ctx, done := context.WithCancel(ctx)
	defer done()
	return p.run(ctx, func(ctx context.Context) error {
		defer done()
		if err := p.accounts.AddTenant(ctx, c.Name, login, password); err != nil {
			return err
		}
		sayf("Tenant %s has the administrator %s.", c.Name, login)
		return nil
	})
}
