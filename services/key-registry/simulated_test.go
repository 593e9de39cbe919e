package keys_test

import (
	"context"
	"testing"

	"github.com/kikigaki/kikigaki/services/simulator" //nolint:depguard // the provider that says each no to the letter, over real HTTP
)

type (
	simConfig  = simulator.Config
	simFault   = simulator.Fault
	simKey     = simulator.Key
	simModel   = simulator.Model
	simServer  = simulator.Server
	simFlavour = simulator.Flavour
)

func refusals() []simulator.Refusal { return simulator.Refusals() }

func flavours() []simFlavour {
	return []simFlavour{simulator.FlavourVLLM, simulator.FlavourOllama, simulator.FlavourLlamaCpp}
}

// odd is a secret of which no four letters in a row stand in anybody's words.
const odd = "sk-proj-Xq7Zv9Kj2Wb4Yx8Qz3Jk"

// simulated is a provider that knows the key odd; it may be scripted to refuse it.
func simulated(t *testing.T, cfg simConfig) (*simServer, string) {
	t.Helper()
	if cfg.Keys == nil {
		cfg.Keys = []simKey{{Secret: odd, Organization: "org-1", Project: "proj-1"}}
	}
	sim := simulator.New(cfg)
	base, err := sim.Start(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Stop(context.Background()) })
	return sim, base
}
