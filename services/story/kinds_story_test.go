package story_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/kikigaki/kikigaki/services/simulator"
)

// A key of each kind is entered as its provider shows it, changed, verified again, and asked by its own path when a call is
// analysed; a server that knows max_tokens alone is asked with that from the first analysis on.
func TestAKeyOfEachKindIsAskedAsItsProviderWants(t *testing.T) {
	everyWay(t, aKeyOfEachKindIsAskedAsItsProviderWants)
}

func aKeyOfEachKindIsAskedAsItsProviderWants(s stage) {
	t := s.t
	w := s.way.newWorld(t)
	own := simulator.New(simulator.Config{Keys: []simulator.Key{{Secret: secret}}, Flavour: simulator.FlavourVLLM, OldLimit: true})
	base, err := own.Start(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = own.Stop(t.Context()) })
	w.start()
	admin := w.logIn("admin", adminPassword)
	azure := strings.TrimSuffix(w.base, "/v1")
	for name, c := range map[string]struct {
		key   map[string]any
		asked *simulator.Server
	}{
		"azure":            {map[string]any{"kind": "azure_openai", "baseUrl": azure, "deployment": "sim-echo", "model": "gpt-4o"}, w.provider},
		"azure, older":     {map[string]any{"kind": "azure_openai", "baseUrl": azure + "/openai/deployments/sim-echo/chat/completions?api-version=2024-10-21", "model": "gpt-4o"}, w.provider},
		"one's own server": {map[string]any{"kind": "compatible", "baseUrl": base, "model": "sim-echo"}, own},
	} {
		c.key["name"], c.key["secret"] = name, secret
		var key struct {
			ID         string
			Kind       string
			Revision   int
			VerifiedAt string
		}
		admin.must(http.StatusCreated, "POST", "/api/v1/keys", c.key).into(t, &key)
		admin.must(http.StatusOK, "PATCH", "/api/v1/keys/"+key.ID, map[string]any{"revision": key.Revision, "memo": "changed"}).into(t, &key)
		admin.must(http.StatusConflict, "PATCH", "/api/v1/keys/"+key.ID, map[string]any{"revision": key.Revision - 1, "memo": "late"})
		admin.must(http.StatusOK, "POST", "/api/v1/keys/"+key.ID+"/verify", nil).into(t, &key)
		if key.Revision != 2 || key.VerifiedAt == "" {
			t.Errorf("%s: %+v", name, key)
		}
		var prompt struct{ ID string }
		admin.must(http.StatusCreated, "POST", "/api/v1/prompts", map[string]any{
			"name": name, "keyKind": key.Kind, "keyId": key.ID, "text": "What was this call about?",
		}).into(t, &prompt)
		admin.say("call of "+name, 0, "Hello.", "Good bye.")
		before := len(c.asked.Ledger())
		if got := admin.finished(admin.analyse("call of "+name, prompt.ID)); got.State != "completed" {
			t.Errorf("%s: %+v", name, got)
		}
		// Another refusal of max_completion_tokens would be an entry of its own.
		if asked := c.asked.Ledger()[before:]; len(asked) != 1 || asked[0].Model != "sim-echo" || !asked[0].Answered {
			t.Errorf("%s: asked %+v", name, asked)
		}
	}
	a := admin.must(http.StatusUnprocessableEntity, "POST", "/api/v1/keys", map[string]any{
		"kind": "azure_openai", "name": "none", "secret": secret, "baseUrl": azure, "deployment": "nothing",
	})
	if body := string(a.body); !strings.Contains(body, `"field":"deployment"`) || !strings.Contains(body, "デプロイがありません") {
		t.Errorf("an unknown deployment: %s", body)
	}
	if form := string(admin.must(http.StatusOK, "GET", "/api/v1/keys/form", nil).body); !strings.Contains(form, "Model capabilities: Write") {
		t.Errorf("the form says %s", form)
	}
	w.stop()
}
