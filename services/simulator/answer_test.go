package simulator_test

import (
	"strings"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/services/internal/llm"
)

func TestAnAnswerComesWithAllThatIsKnown(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.client(t, llm.Config{Secret: goodSecret, OrganizationID: "org-north", ProjectID: "proj-1"})
	got, err := c.Complete(t.Context(), about("sim-large", transcript))
	if err != nil {
		t.Fatal(err)
	}
	if got.FinishReason != "stop" || got.ServedModel != "sim-large" || !strings.HasPrefix(got.ProviderRequestID, "req_") {
		t.Errorf("got %+v", got)
	}
	if got.Usage.InputTokens <= 0 || got.Usage.OutputTokens <= 0 {
		t.Errorf("usage %+v", got.Usage)
	}
	limits := got.Limits
	if limits.TokensLeft < 1_990_000 || limits.TokensLeft >= 2_000_000 || limits.RequestsFullIn <= 0 || limits.TokensFullIn <= 0 {
		t.Errorf("what is left: %+v", limits)
	}
	limits.TokensLeft, limits.RequestsFullIn, limits.TokensFullIn = 0, 0, 0
	want := llm.Limits{RequestsPerMinute: 10_000, TokensPerMinute: 2_000_000, RequestsLeft: 9_999, Organization: "org-north"}
	if limits != want {
		t.Errorf("limits %+v", limits)
	}
	ledger := b.Ledger()
	if len(ledger) != 1 || ledger[0].ClientRequestID != "run-1" || !ledger[0].Answered || ledger[0].Organization != "org-north" {
		t.Errorf("ledger %+v", ledger)
	}
}

func TestAnAnswerIsAnHonestExtract(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.client(t, llm.Config{Secret: goodSecret})
	for text, want := range map[string][]string{
		transcript: {"【シミュレーション】", "プロンプト: Sum it up.\n", "お客様: 発話 2 件", "最初 [1]「もしもし。」", "最後 [3]「では失礼します。」", "オペレータ: 発話 1 件"},
		dialogue:   {"[Simulated]", "Prompt: Sum it up.\n", "Customer: 2 utterances", `first [1] "Hello there."`, `last [3] "Good bye!"`, "Agent: 1 utterances"},
	} {
		first, err := c.Complete(t.Context(), about("sim-large", text))
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(first.Text, w) {
				t.Errorf("no %q in %q", w, first.Text)
			}
		}
		again, err := c.Complete(t.Context(), about("sim-large", text))
		if err != nil || again.Text != first.Text {
			t.Errorf("asked again: %q, %v", again.Text, err)
		}
	}
	if got, err := c.Complete(t.Context(), about("sim-echo", dialogue)); err != nil || !strings.HasPrefix(got.Text, dialogue) {
		t.Errorf("the echo says %q, %v", got.Text, err)
	}
	if n := b.asked(); n != 5 {
		t.Errorf("%d requests for 5 questions", n)
	}
}

func TestAModelSaysWhenItWillBeGone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.client(t, llm.Config{Secret: goodSecret})
	got, err := c.Model(t.Context(), "leaving")
	if err != nil || got.ID != "leaving" || got.ShutdownDate.Format(time.DateOnly) != "2199-05-04" || got.Limits.Organization != "org-north" {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := c.Model(t.Context(), "sim-large"); err != nil || !got.ShutdownDate.IsZero() {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := c.Model(t.Context(), "nothing"); err == nil {
		t.Error("a model that is not there is described")
	}
	if n := b.asked(); n != 0 {
		t.Errorf("looking at a model asks it %d times", n)
	}
}

// TestTheEnvironmentIsNotRead is a fence: what an operator has set for another program would send our customers' words
// elsewhere, or under another key.
func TestTheEnvironmentIsNotRead(t *testing.T) {
	for name, value := range map[string]string{
		"OPENAI_API_KEY": "sk-poison", "OPENAI_ADMIN_KEY": "sk-poison", "OPENAI_ORG_ID": "org-poison",
		"OPENAI_PROJECT_ID": "proj-poison", "OPENAI_BASE_URL": "http://127.0.0.1:1/poison",
		"OPENAI_CUSTOM_HEADERS": "Authorization: Bearer poison\nX-Client-Request-Id: poison",
		"HTTP_PROXY":            "http://127.0.0.1:1", "http_proxy": "http://127.0.0.1:1",
	} {
		t.Setenv(name, value)
	}
	b := newBench(t)
	c := b.client(t, llm.Config{Secret: goodSecret})
	if _, err := c.Complete(t.Context(), about("sim-large", dialogue)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Model(t.Context(), "sim-large"); err != nil {
		t.Fatal(err)
	}
	if e := b.Ledger()[0]; e.ClientRequestID != "run-1" || e.Organization != "org-north" {
		t.Errorf("the provider saw %+v", e)
	}
}
