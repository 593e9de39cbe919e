package simulator_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/kikigaki/kikigaki/services/internal/llm"
	"github.com/kikigaki/kikigaki/services/simulator"
)

// The official client asks Azure by both its paths, with the key where Azure looks for it.
func TestAzureIsAskedByBothItsPaths(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	root := strings.TrimSuffix(b.url, "/v1")
	for name, cfg := range map[string]llm.Config{
		"v1":                       {BaseURL: root + "/openai/v1"},
		"v1, a deployment":         {BaseURL: root + "/openai/v1", Deployment: "sim-echo"},
		"the older path":           {BaseURL: root, Deployment: "sim-echo", APIVersion: "2024-10-21"},
		"the older path, a slash":  {BaseURL: root + "/", Deployment: "sim-echo", APIVersion: "2025-04-01-preview"},
		"a deployment in Japanese": {BaseURL: root, Deployment: "要約 1", APIVersion: "2024-10-21"},
	} {
		cfg.Azure, cfg.Secret = true, goodSecret
		got, err := b.client(t, cfg).Complete(t.Context(), about("sim-large", dialogue))
		if name == "a deployment in Japanese" {
			e := refused(t, b.client(t, cfg), about("sim-large", dialogue))
			if e.Code != "DeploymentNotFound" || b.Ledger()[len(b.Ledger())-1].Model != "要約 1" {
				t.Errorf("%s: %+v", name, e)
			}
			continue
		}
		want := "sim-large"
		if cfg.Deployment != "" {
			want = cfg.Deployment
		}
		if err != nil || got.ServedModel != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, c := range map[string]struct {
		cfg    llm.Config
		status int
		code   string
	}{
		"a wrong key":        {llm.Config{Secret: "0123456789abcdef", BaseURL: root + "/openai/v1"}, http.StatusUnauthorized, "401"},
		"no such deployment": {llm.Config{Secret: goodSecret, BaseURL: root, Deployment: "x", APIVersion: "2024-10-21"}, http.StatusNotFound, "DeploymentNotFound"},
		"no such version":    {llm.Config{Secret: goodSecret, BaseURL: root, Deployment: "sim-echo", APIVersion: "soon"}, http.StatusNotFound, "404"},
	} {
		c.cfg.Azure = true
		if e := refused(t, b.client(t, c.cfg), about("sim-large", dialogue)); e.Status != c.status || e.Code != c.code {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// Servers that people run themselves say no each in their own form, and the words arrive.
func TestServersOfOnesOwnSayNoInTheirOwnForm(t *testing.T) {
	t.Parallel()
	for _, flavour := range []simulator.Flavour{simulator.FlavourVLLM, simulator.FlavourOllama, simulator.FlavourLlamaCpp} {
		s := simulator.New(simulator.Config{Keys: []simulator.Key{{Secret: goodSecret}}, Flavour: flavour, OldLimit: true})
		b := bench{s, start(t, s)}
		c := b.client(t, llm.Config{Secret: goodSecret})
		if _, err := c.Complete(t.Context(), about("sim-large", dialogue)); err != nil || !c.OldLimit() {
			t.Errorf("%s: max_tokens: %v, %t", flavour, err, c.OldLimit())
		}
		known := b.client(t, llm.Config{Secret: goodSecret, OldLimit: true})
		before := b.asked()
		got, err := known.Complete(t.Context(), about("sim-large", dialogue))
		if err != nil || b.asked() != before+1 || got.Limits != (llm.Limits{RequestsLeft: -1, TokensLeft: -1}) {
			t.Errorf("%s: remembered: %v, %d requests, %+v", flavour, err, b.asked()-before, got.Limits)
		}
		e := refused(t, known, about("nothing", dialogue))
		if !strings.Contains(e.Message, "nothing") || e.Status != http.StatusNotFound {
			t.Errorf("%s: %+v", flavour, e)
		}
		if _, err := known.Model(t.Context(), "sim-large"); (err == nil) != (flavour == simulator.FlavourOllama) {
			t.Errorf("%s: reading a model: %v", flavour, err)
		}
	}
}

// How long a question may be is said by every server when it refuses one, and by vLLM beside the model, too.
func TestServersSayHowLongAQuestionMayBe(t *testing.T) {
	t.Parallel()
	models := []simulator.Model{{ID: "short", Window: 700, TokensPerMinute: 100_000, RequestsPerMinute: 100}}
	for flavour, window := range map[simulator.Flavour]int64{
		"": 700, simulator.FlavourVLLM: 700, simulator.FlavourOllama: 700, simulator.FlavourLlamaCpp: 700,
	} {
		s := simulator.New(simulator.Config{Keys: []simulator.Key{{Secret: goodSecret}}, Models: models, Flavour: flavour})
		b := bench{s, start(t, s)}
		c := b.client(t, llm.Config{Secret: goodSecret})
		ask := about("short", dialogue)
		ask.MaxOutputTokens = 1000
		if e := refused(t, c, ask); e.Window != window || e.Class != llm.ClassNeverFits {
			t.Errorf("%q refuses with %+v", flavour, e)
		}
		listed, err := c.ListedModel(t.Context(), "short")
		if err != nil || listed.ID != "short" || listed.Window != map[bool]int64{true: 700}[flavour == simulator.FlavourVLLM] {
			t.Errorf("%q lists %+v, %v", flavour, listed, err)
		}
		if _, err := c.ListedModel(t.Context(), "nothing"); err == nil {
			t.Errorf("%q lists a model that it does not have", flavour)
		}
	}
}

// A refusal can be scripted by its name, for the reading of models as well, and from outside.
func TestARefusalIsScriptedByItsName(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	b := newBench(t)
	c := b.client(t, llm.Config{Secret: goodSecret})
	for _, r := range simulator.Refusals() {
		if seen[r.Name] || r.Name == "" || r.Status == 0 {
			t.Errorf("%q, status %d", r.Name, r.Status)
		}
		seen[r.Name] = true
		b.Script(simulator.Fault{Refusal: r.Name}, simulator.Fault{Refusal: r.Name, Endpoint: "models"})
		e := refused(t, c, about("sim-large", dialogue))
		if _, err := c.Model(context.WithoutCancel(t.Context()), "sim-large"); err == nil || e.Status != r.Status {
			t.Errorf("%s: %+v, and of the model %v", r.Name, e, err)
		}
	}
	if len(seen) < 45 {
		t.Errorf("only %d refusals", len(seen))
	}
}
