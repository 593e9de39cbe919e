package main

import (
	"context"
	"net/http"
	"slices"

	"google.golang.org/grpc"

	"github.com/kikigaki/kikigaki/pkg/lifecycle"
	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	analysisv1 "github.com/kikigaki/kikigaki/proto/kikigaki/analysis/v1"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	promptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/prompt/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/services/access"
	analysis "github.com/kikigaki/kikigaki/services/analysis-worker"
	"github.com/kikigaki/kikigaki/services/console"
	keys "github.com/kikigaki/kikigaki/services/key-registry"
	notify "github.com/kikigaki/kikigaki/services/notification"
	prompts "github.com/kikigaki/kikigaki/services/prompt-registry"
	ingest "github.com/kikigaki/kikigaki/services/transcript-ingest"
)

// service is what every service is to the process that runs it.
type service interface {
	Register(server grpc.ServiceRegistrar)
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	Ready(ctx context.Context) error
}

// role is a line of the table of what runs: a service, how it is made, whom it may call, and which paths of HTTP it
// serves. The table is the same whether services share a process or have one each.
type role struct {
	name  string
	build func(*process) (service, error)
	asks  []string
	paths []string
}

// roles is the table, in the order in which each needs those before it. Everybody asks access who is calling.
func roles() []role {
	who := access.Name
	return []role{
		{access.Name, (*process).access, nil, nil},
		{keys.Name, (*process).keys, []string{who}, nil},
		{prompts.Name, (*process).prompts, []string{who}, nil},
		{ingest.Name, (*process).ingest, []string{who}, ingest.Paths()},
		{analysis.Name, (*process).analysis, []string{who, keys.Name, prompts.Name, ingest.Name}, nil},
		{notify.Name, (*process).notify, []string{who}, notify.Paths()},
		{console.Name, (*process).console, []string{who, keys.Name, prompts.Name, analysis.Name}, console.Paths()},
	}
}

// roleNames are the services of the table.
func roleNames() (names []string) {
	for _, r := range roles() {
		names = append(names, r.name)
	}
	return names
}

// callersOf are the services whose word counts with a service: its own, access's, which speaks for people, and those
// that call it.
func callersOf(name string) []string {
	callers := []string{name}
	for _, r := range roles() {
		if r.name != name && (r.name == access.Name || slices.Contains(r.asks, name)) {
			callers = append(callers, r.name)
		}
	}
	return callers
}

// together is everything in one process.
func (p *process) together() []lifecycle.Unit {
	units := p.withLog(roleNames()...)
	return append(units,
		lifecycle.Unit{Name: "first account", Start: p.bootstrap},
		lifecycle.Unit{Name: "publishers", Start: p.openGate},
		lifecycle.Unit{Name: "grpc", Start: p.startGRPC, Stop: p.stopGRPC},
		lifecycle.Unit{Name: "http", Start: p.startHTTP, Stop: p.stopHTTP},
	)
}

// alone is one service in a process of its own. Health is told first and last: who watches sees it start and stop.
func (p *process) alone(name string) []lifecycle.Unit {
	units := append([]lifecycle.Unit{{Name: "ops", Start: p.startOps, Stop: p.stopOps}}, p.withLog(name)...)
	if name == access.Name {
		units = append(units, lifecycle.Unit{Name: "first account", Start: p.bootstrap})
	}
	units = append(units, lifecycle.Unit{Name: "grpc", Start: p.startGRPC, Stop: p.stopGRPC})
	if p.cfg.HTTP != "" {
		units = append(units, lifecycle.Unit{Name: "http", Start: p.startHTTP, Stop: p.stopHTTP})
	}
	return units
}

// withLog is some services and the log that they live on.
func (p *process) withLog(names ...string) []lifecycle.Unit {
	units := []lifecycle.Unit{
		{Name: "broker", Start: p.startBroker, Stop: p.stopBroker, Ready: p.brokerReady},
		{Name: "log", Start: p.openLog},
	}
	for _, r := range roles() {
		if slices.Contains(names, r.name) {
			units = append(units, p.unit(r))
		}
	}
	return units
}

func (p *process) access() (service, error) {
	signer, err := p.signer(access.Name)
	p.accounts = access.New(access.Config{Views: p.cfg.views()}, access.Deps{
		Log: p.log, Signer: signer, Logger: p.logger, Telemetry: p.observed.For(access.Name),
	})
	return p.accounts, err
}

func (p *process) keys() (service, error) {
	return keys.New(keys.Config{
		Views: p.cfg.views(), MasterKeyFile: p.cfg.masterKey(), MasterKeyGiven: p.apart(),
		OtherMasterKeyFiles: p.cfg.OtherMasterKeys, DefaultBaseURL: p.cfg.ProviderBaseURL, Allow: p.allow,
		ModelsFile: p.cfg.ModelsFile,
	}, keys.Deps{Log: p.log, Logger: p.logger, Telemetry: p.observed.For(keys.Name)})
}

func (p *process) prompts() (service, error) {
	return prompts.New(prompts.Config{Views: p.cfg.views()}, prompts.Deps{
		Log: p.log, Catalogue: p.texts, Logger: p.logger, Telemetry: p.observed.For(prompts.Name),
	}), nil
}

func (p *process) ingest() (service, error) {
	accounts, err := p.dial(ingest.Name, access.Name)
	if err != nil {
		return nil, err
	}
	e, err := p.edge(ingest.Name)
	if err != nil {
		return nil, err
	}
	s := ingest.New(ingest.Config{Views: p.cfg.views()}, ingest.Deps{
		Log: p.log, Access: accessv1.NewAccessServiceClient(accounts), Room: p.broker.Room, Logger: p.logger,
		Telemetry: p.observed.For(ingest.Name), Resolve: e.Resolve,
	})
	p.drains = append(p.drains, s.Drain)
	p.mounts = append(p.mounts, func(mux *http.ServeMux) { s.Mount(mux, e) })
	return s, nil
}

func (p *process) analysis() (service, error) {
	to, err := p.dialAll(analysis.Name, keys.Name, prompts.Name, ingest.Name)
	return analysis.New(analysis.Config{Views: p.cfg.views(), Allow: p.allow}, analysis.Deps{
		Log: p.log, Logger: p.logger, Telemetry: p.observed.For(analysis.Name),
		Keys:        keyv1.NewKeyServiceClient(to[keys.Name]),
		Prompts:     promptv1.NewPromptServiceClient(to[prompts.Name]),
		Transcripts: transcriptv1.NewTranscriptServiceClient(to[ingest.Name]),
	}), err
}

func (p *process) notify() (service, error) {
	e, err := p.edge(notify.Name)
	if err != nil {
		return nil, err
	}
	s := notify.New(notify.Config{Views: p.cfg.views()}, notify.Deps{
		Log: p.log, Logger: p.logger, Resolve: e.Resolve, Telemetry: p.observed.For(notify.Name),
	})
	p.mounts = append(p.mounts, func(mux *http.ServeMux) { s.Mount(mux, e) })
	p.drains = append(p.drains, s.Drain)
	return s, nil
}

func (p *process) console() (service, error) {
	to, err := p.dialAll(console.Name, access.Name, keys.Name, prompts.Name, analysis.Name)
	if err != nil {
		return nil, err
	}
	e, err := p.edge(console.Name)
	if err != nil {
		return nil, err
	}
	s := console.New(console.Deps{
		Access:   accessv1.NewAccessServiceClient(to[access.Name]),
		Keys:     keyv1.NewKeyServiceClient(to[keys.Name]),
		Prompts:  promptv1.NewPromptServiceClient(to[prompts.Name]),
		Analyses: analysisv1.NewAnalysisServiceClient(to[analysis.Name]),
		Edge:     e, Texts: p.texts, Logger: p.logger,
	})
	p.mounts = append(p.mounts, s.Mount)
	return s, nil
}
