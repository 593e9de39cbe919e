package main

import (
	"context"
	"net/http"

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

// wiring is what runs, in the order in which each needs those before it.
func (p *process) wiring() []lifecycle.Unit {
	return append(p.services(), []lifecycle.Unit{
		{Name: console.Name, Start: p.startConsole},
		{Name: "first account", Start: p.bootstrap},
		{Name: "grpc", Start: p.startGRPC, Stop: p.stopGRPC},
		{Name: "http", Start: p.startHTTP, Stop: p.stopHTTP},
	}...)
}

// services is what runs behind the edges.
func (p *process) services() []lifecycle.Unit {
	return []lifecycle.Unit{
		{Name: "broker", Start: p.startBroker, Stop: p.stopBroker, Ready: p.brokerReady},
		{Name: "log", Start: p.openLog},
		p.unit(access.Name, p.access),
		p.unit(keys.Name, p.keys),
		p.unit(prompts.Name, p.prompts),
		p.unit(ingest.Name, p.ingest),
		p.unit(analysis.Name, p.analysis),
		p.unit(notify.Name, p.notify),
	}
}

func (p *process) access() (service, error) {
	signer, err := p.signer(access.Name)
	p.accounts = access.New(access.Config{Views: p.cfg.views()}, access.Deps{Log: p.log, Signer: signer, Logger: p.logger})
	return p.accounts, err
}

func (p *process) keys() (service, error) {
	return keys.New(keys.Config{
		Views: p.cfg.views(), MasterKeyFile: p.cfg.masterKey(), DefaultBaseURL: p.cfg.ProviderBaseURL, Allow: p.allow,
	}, keys.Deps{Log: p.log, Logger: p.logger})
}

func (p *process) prompts() (service, error) {
	return prompts.New(prompts.Config{Views: p.cfg.views()}, prompts.Deps{
		Log: p.log, Catalogue: p.texts, Logger: p.logger,
	}), nil
}

func (p *process) ingest() (service, error) {
	accounts, err := p.dial(ingest.Name, access.Name)
	s := ingest.New(ingest.Config{Views: p.cfg.views()}, ingest.Deps{
		Log: p.log, Access: accessv1.NewAccessServiceClient(accounts), Logger: p.logger,
	})
	p.mounts = append(p.mounts, func(mux *http.ServeMux) { s.Mount(mux, p.edge(ingest.Name)) })
	return s, err
}

func (p *process) analysis() (service, error) {
	to, err := p.dialAll(analysis.Name, keys.Name, prompts.Name, ingest.Name)
	return analysis.New(analysis.Config{Views: p.cfg.views(), Allow: p.allow}, analysis.Deps{
		Log: p.log, Logger: p.logger,
		Keys:        keyv1.NewKeyServiceClient(to[keys.Name]),
		Prompts:     promptv1.NewPromptServiceClient(to[prompts.Name]),
		Transcripts: transcriptv1.NewTranscriptServiceClient(to[ingest.Name]),
	}), err
}

func (p *process) notify() (service, error) {
	e := p.edge(notify.Name)
	s := notify.New(notify.Config{Views: p.cfg.views()}, notify.Deps{Log: p.log, Logger: p.logger, Resolve: e.Resolve})
	p.mounts = append(p.mounts, func(mux *http.ServeMux) { s.Mount(mux, e) })
	p.drain = s.Drain
	return s, nil
}

func (p *process) startConsole(context.Context) error {
	to, err := p.dialAll(console.Name, access.Name, keys.Name, prompts.Name, analysis.Name)
	if err != nil {
		return err
	}
	s := console.New(console.Deps{
		Access:   accessv1.NewAccessServiceClient(to[access.Name]),
		Keys:     keyv1.NewKeyServiceClient(to[keys.Name]),
		Prompts:  promptv1.NewPromptServiceClient(to[prompts.Name]),
		Analyses: analysisv1.NewAnalysisServiceClient(to[analysis.Name]),
		Edge:     p.edge(console.Name), Texts: p.texts, Logger: p.logger,
	})
	p.mounts = append(p.mounts, s.Mount)
	return nil
}
