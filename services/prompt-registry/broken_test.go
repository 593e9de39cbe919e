package prompts_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	promptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/prompt/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

func TestAPromptWhoseKeyIsGoneIsBroken(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.one()
	p := create(t, s, draft("p"))
	b.key("a", &eventv1.KeyEvent{Kind: &eventv1.KeyEvent_Deleted{Deleted: &eventv1.KeyDeleted{Id: keyID}}})
	res, err := s.GetPrompt(admin(t), &promptv1.GetPromptRequest{Id: p.GetId(), Newest: true})
	if err != nil || res.GetPrompt().GetBrokenCode() != "KEY_NOT_FOUND" {
		t.Fatalf("%v, %v", res, err)
	}
}

// Everybody who may choose a prompt is told why it cannot be used, by every way it is read, and a prompt is mended by a key
// or by a model, without being touched itself.
func TestAPromptWhoseKeyOrModelIsGoneIsBrokenAndSaysWhy(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.one()
	id := create(t, s, draft("p")).GetId()
	now := time.Now()
	for _, c := range []struct {
		shutdown time.Time
		kind     string
		refused  string
		want     string
	}{
		{now.Add(time.Hour), "openai", "", ""},
		{now.Add(-time.Hour), "openai", "", "MODEL_SHUT_DOWN"},
		{time.Time{}, "azure_openai", "", "KEY_NOT_FOUND"},
		{time.Time{}, "openai", "key", "KEY_REVOKED"},
		{time.Time{}, "openai", "deactivated", "KEY_REVOKED"},
		{time.Time{}, "openai", "model", "MODEL_NOT_FOUND"},
		{time.Time{}, "openai", "access", "MODEL_NOT_FOUND"},
		{time.Time{}, "openai", "deployment", "MODEL_NOT_FOUND"},
		{time.Time{}, "openai", "credit", ""},
		{time.Time{}, "openai", "", ""},
	} {
		saved := &eventv1.KeySaved{Id: keyID, Kind: c.kind, Model: "model-1"}
		if c.refused != "" {
			saved.Refused = &eventv1.KeyRefusal{Reason: c.refused}
		}
		if !c.shutdown.IsZero() {
			saved.ShutdownDate = timestamppb.New(c.shutdown)
		}
		b.key("a", &eventv1.KeyEvent{Kind: &eventv1.KeyEvent_Saved{Saved: saved}})
		one, err := s.GetPrompt(admin(t), &promptv1.GetPromptRequest{Id: id, Newest: true})
		if err != nil {
			t.Fatal(err)
		}
		all, err := s.ListPrompts(as(t, "a", identity.RoleUser), &promptv1.ListPromptsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []*promptv1.Prompt{one.GetPrompt(), all.GetPrompts()[0]} {
			if p.GetBrokenCode() != c.want {
				t.Errorf("with %v it is %q, want %q", saved, p.GetBrokenCode(), c.want)
			}
			params := p.GetBrokenParams()
			if c.want == "MODEL_NOT_FOUND" && params["model"] != "model-1" {
				t.Errorf("it says %v", params)
			}
			if c.want == "MODEL_SHUT_DOWN" &&
				(params["model"] != "model-1" || params["date"] != c.shutdown.UTC().Format(time.DateOnly)) {
				t.Errorf("it says %v", params)
			}
		}
	}
}
