package main

import (
	"context"
	"errors"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/services/internal/broker"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	ingest "github.com/kikigaki/kikigaki/services/transcript-ingest"
)

// errStarting says that nobody can tell yet who a token belongs to: the port opens with the log, before access runs.
var errStarting = errors.New("access has not started")

// publisher tells whose a token is that came over the embedded log's port. FORBIDDEN for an account that may not bring
// calls in: one's own calls alone are not enough, since what is published there is taken in by the tenant's right.
func (p *process) publisher(ctx context.Context, token string) (broker.Publisher, error) {
	e := p.gate.Load()
	if e == nil {
		return broker.Publisher{}, errStarting
	}
	caller, _, err := e.Resolve(ctx, token)
	if err != nil {
		return broker.Publisher{}, err
	}
	if caller.AccountID == "" || caller.CallPermission != identity.PermissionEdit {
		return broker.Publisher{}, fault.New(fault.Forbidden, "FORBIDDEN")
	}
	return broker.Publisher{Tenant: caller.Tenant, Account: caller.AccountID}, nil
}

// openGate lets publishers in, from when access can be asked.
func (p *process) openGate(context.Context) error {
	if p.cfg.NATSListen == "" {
		return nil
	}
	e, err := p.edge(ingest.Name)
	p.gate.Store(e)
	return err
}
