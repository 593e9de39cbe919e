package keys_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	keys "github.com/kikigaki/kikigaki/services/key-registry"
)

// What Azure's pages give to copy is understood, and both paths are really asked.
func TestAzureKeysAreEnteredAsAzureShowsThem(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	sim, base := simulated(t, simConfig{})
	root := strings.TrimSuffix(base, "/v1")
	s := b.one()
	for name, c := range map[string]struct {
		base, deployment, version, model string
		wantBase, wantDeployment         string
	}{
		"the resource":            {root, "sim-echo", "", "gpt-4o", root + "/openai/v1", "sim-echo"},
		"the resource, a slash":   {root + "/", "sim-echo", "", "", root + "/openai/v1", "sim-echo"},
		"its path":                {root + "/openai", "", "", "sim-echo", root + "/openai/v1", ""},
		"the v1 endpoint":         {root + "/openai/v1/", "", "", "sim-echo", root + "/openai/v1", ""},
		"the older path":          {root, "sim-echo", "2024-10-21", "gpt-4o", root, "sim-echo"},
		"the older path, a model": {root + "/openai", "", "2025-04-01-preview", "sim-echo", root, "sim-echo"},
		"the whole target URI": {
			root + "/openai/deployments/sim-echo/chat/completions?api-version=2024-10-21", "", "", "gpt-4o", root, "sim-echo",
		},
	} {
		before := len(sim.Ledger())
		k, err := try(t, s, &keyv1.KeyDraft{
			Kind: "azure_openai", Name: name, Secret: odd, BaseUrl: c.base, Deployment: c.deployment, ApiVersion: c.version, Model: c.model,
		})
		if err != nil || k.GetBaseUrl() != c.wantBase || k.GetDeployment() != c.wantDeployment {
			t.Errorf("%s: %v, %v", name, k, err)
			continue
		}
		asked := sim.Ledger()[before:]
		if len(asked) != 1 || asked[0].Model != "sim-echo" || !asked[0].Answered {
			t.Errorf("%s: asked %+v", name, asked)
		}
		if want := c.model; want != "" && k.GetModel() != want || k.GetModel() == "" {
			t.Errorf("%s: the model is %q", name, k.GetModel())
		}
	}
	_, err := try(t, s, &keyv1.KeyDraft{
		Kind: "azure_openai", Name: "none", Secret: odd, BaseUrl: root, Deployment: "nothing", ApiVersion: "2024-10-21",
	})
	if f, _ := fault.As(err); !fault.Is(err, "KEY_REFUSED") || f.Field != "deployment" {
		t.Errorf("an unknown deployment: %v", err)
	}
}

// Servers that people run themselves work without a list of models, and with max_tokens alone, which is remembered and
// told to the analysis-worker.
func TestServersOfOnesOwnWork(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.one()
	for _, flavour := range flavours() {
		for _, old := range []bool{false, true} {
			_, base := simulated(t, simConfig{Flavour: flavour, OldLimit: old, Keys: []simKey{{Secret: "none"}}})
			name := string(flavour)
			if old {
				name += ", max_tokens"
			}
			d := &keyv1.KeyDraft{Kind: "compatible", Name: name, Secret: "none", BaseUrl: base, Model: "sim-large"}
			k, err := try(t, s, d)
			if err != nil || k.GetOldLimit() != old || k.GetLimits().GetTokensPerMinute() != 0 || k.GetSecretHint() != "" {
				t.Errorf("%s: %v, %v", name, k, err)
				continue
			}
			if res, err := release(service(t, "a", worker), s, k.GetId()); err != nil || res.GetKey().GetOldLimit() != old {
				t.Errorf("%s: the worker is told %v, %v", name, res, err)
			}
			d.Name, d.Model = name+"?", "nothing"
			if _, err := try(t, s, d); !names(err, "KEY_REFUSED", "model") {
				t.Errorf("%s: an unknown model: %v", name, err)
			}
			d.Model, d.BaseUrl = "sim-large", strings.TrimSuffix(base, "/v1")
			if _, err := try(t, s, d); !names(err, "KEY_REFUSED", "baseUrl") {
				t.Errorf("%s: without /v1: %v", name, err)
			}
			d.BaseUrl, d.Secret = base, "another"
			if _, err := try(t, s, d); !names(err, "KEY_REFUSED", "secret") {
				t.Errorf("%s: a wrong key: %v", name, err)
			}
		}
	}
}

// vLLM says with its list of models how long a question may be; of the others what an administrator sets, or a refusal, has
// to tell.
func TestTheWindowOfAServerOfOnesOwnIsLearned(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.one()
	for _, flavour := range flavours() {
		sim, base := simulated(t, simConfig{Flavour: flavour, Models: []simModel{
			{ID: "own", Window: 32_768, TokensPerMinute: 100_000, RequestsPerMinute: 100},
		}})
		k, err := try(t, s, &keyv1.KeyDraft{Kind: "compatible", Name: string(flavour), Secret: odd, BaseUrl: base, Model: "own"})
		want := int64(0)
		if flavour == flavours()[0] {
			want = 32_768
		}
		if err != nil || k.GetLimits().GetContextWindow() != want {
			t.Errorf("%s: %v, %v", flavour, k, err)
		}
		sim.Script(simFault{Endpoint: "models", Status: 404, Body: "{}"}) // whatever becomes of one look, the window stands
		res, err := s.VerifyKey(admin(t), &keyv1.VerifyKeyRequest{Id: k.GetId()})
		if err != nil || res.GetKey().GetLimits().GetContextWindow() != want {
			t.Errorf("%s, verified again: %v, %v", flavour, res, err)
		}
	}
}

// A key is shown with what the provider told of it, and with what the data file knows of its model.
func TestWhatIsLearnedOfAKeyIsShown(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	end := time.Date(2199, 5, 4, 0, 0, 0, 0, time.UTC)
	_, base := simulated(t, simConfig{Models: []simModel{
		{ID: "gpt-4o", TokensPerMinute: 30_000, RequestsPerMinute: 500, Shutdown: end},
	}})
	s := b.one()
	d := refusing("", base)
	d.OrganizationId, d.ProjectId, d.Model = "", "", "gpt-4o"
	k := create(t, s, d)
	if k.GetLimits().GetTokensPerMinute() != 30_000 || k.GetLimits().GetRequestsPerMinute() != 500 || !k.GetShutdownDate().AsTime().Equal(end) ||
		k.GetToldOrganization() != "org-1" || k.GetServedModel() != "" || k.GetVerifiedAt() == nil {
		t.Errorf("got %v", k)
	}
	if f := k.GetModelFacts(); k.GetLimits().GetContextWindow() != 128_000 || f.GetTokenizer() != "o200k_base" || f.GetAsOf() == "" || f.GetInputPrice() == "" {
		t.Errorf("got %v", k)
	}
	d.Name, d.Model = "Unknown", "sim-large"
	if k = create(t, s, d); k.GetModelFacts() != nil || k.GetLimits().GetContextWindow() != 0 {
		t.Errorf("of a model that nobody knows: %v", k)
	}
}

// A provider may answer with another model than was asked for, as with the one of a day: people see which.
func TestTheModelThatAnsweredIsShown(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	sim, base := simulated(t, simConfig{})
	s := b.one()
	sim.Script(simFault{Status: 200, Body: `{"model":"sim-large-2026-01-02","choices":[{"finish_reason":"stop","message":{"content":"OK"}}]}`})
	if k := create(t, s, refusing("", base)); k.GetServedModel() != "sim-large-2026-01-02" || k.GetModel() != "sim-large" {
		t.Errorf("got %v", k)
	}
}

// An operator's data file about models takes the place of the one that is shipped, also for keys that are there already.
func TestAnOperatorsModelsCountForAllKeys(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	k := create(t, b.one(), draft("Main"))
	if k.GetModelFacts() != nil || k.GetLimits().GetContextWindow() != 0 {
		t.Fatalf("something is known of %v", k)
	}
	file := filepath.Join(t.TempDir(), "models.json")
	text := `{"date":"2026-12-01","default":"gpt-9","models":[{"name":"gpt-9","window":77000,"maxOutput":9000,` +
		`"tokenizer":"characters","input":"1.5","output":"2"}]}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := b.with(keys.Config{ModelsFile: file})
	eventually(t, "the replica to catch up", func() bool { return s.Ready(t.Context()) == nil })
	now, err := s.GetKey(admin(t), &keyv1.GetKeyRequest{Id: k.GetId()})
	if f := now.GetKey().GetModelFacts(); err != nil || f.GetInputPrice() != "1.5" || f.GetTokenizer() != "characters" ||
		f.GetAsOf() != "2026-12-01" || now.GetKey().GetLimits().GetContextWindow() != 77_000 {
		t.Errorf("got %v, %v", now, err)
	}
	if form, err := s.GetKeyForm(admin(t), &keyv1.GetKeyFormRequest{}); err != nil || form.GetDefaultModel() != "gpt-9" || len(form.GetModels()) != 1 {
		t.Errorf("the form is %v, %v", form, err)
	}
	d := draft("Default")
	d.Model = ""
	if k := create(t, s, d); k.GetModel() != "gpt-9" {
		t.Errorf("the model is %q", k.GetModel())
	}
}

func TestTheFormTellsWhatAKeyNeeds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.one()
	form, err := s.GetKeyForm(admin(t), &keyv1.GetKeyFormRequest{})
	if err != nil || form.GetDefaultModel() == "" || form.GetModelsAsOf() == "" || len(form.GetModels()) == 0 || len(form.GetKinds()) != 3 {
		t.Fatalf("got %v, %v", form, err)
	}
	for _, kind := range form.GetKinds() {
		for _, f := range kind.GetFields() {
			if f.GetName() == "secret" && (f.GetMaxLength() != 200 || !f.GetRequired()) || f.GetName() == "memo" && f.GetMaxLength() != 500 {
				t.Errorf("%s: %v", kind.GetKind(), f)
			}
		}
	}
	if _, err := s.GetKeyForm(as(t, "a", identity.RoleUser), &keyv1.GetKeyFormRequest{}); !fault.Is(err, "FORBIDDEN") {
		t.Errorf("a user: %v", err)
	}
	d := draft("Default")
	d.Model = ""
	if k := create(t, s, d); k.GetModel() != form.GetDefaultModel() {
		t.Errorf("the model is %q", k.GetModel())
	}
}
