package prompts_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	promptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/prompt/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/broker"
	"github.com/kikigaki/kikigaki/services/internal/catalogue"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	prompts "github.com/kikigaki/kikigaki/services/prompt-registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const keyID = "key-1"

// bench is a log with a key on it, and replicas over it.
type bench struct {
	t   *testing.T
	log *stream.Log
}

func newBench(t *testing.T) *bench {
	t.Helper()
	l, err := stream.Open(streamtest.Start(t).Conn(t), stream.Config{})
	if err == nil {
		err = broker.Declare(t.Context(), l, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, log: l}
	b.key("a", &eventv1.KeyEvent{Kind: &eventv1.KeyEvent_Saved{Saved: &eventv1.KeySaved{Id: keyID, Kind: "openai"}}})
	return b
}

// key writes an event of a key, as key-registry does.
func (b *bench) key(tenant string, event *eventv1.KeyEvent) {
	b.t.Helper()
	data, err := proto.Marshal(event)
	if err != nil {
		b.t.Fatal(err)
	}
	g := stream.NewGuard(subject.Keys, subject.KeyGuard(tenant))
	_, err = b.log.Commit(b.t.Context(), g, fmt.Sprint(time.Now().UnixNano()),
		func(context.Context, uint64) (*stream.Event, error) {
			return &stream.Event{Subject: subject.Key(tenant, keyID), Data: data}, nil
		})
	if err != nil {
		b.t.Fatal(err)
	}
}

// prompt writes a prompt straight to the log, as if it had been made long ago.
func (b *bench) prompt(n int) {
	b.t.Helper()
	id := fmt.Sprintf("prompt-%d", n)
	data, err := proto.Marshal(&eventv1.PromptEvent{Kind: &eventv1.PromptEvent_Saved{Saved: &eventv1.PromptSaved{
		Id: id, Name: id, KeyKind: "openai", KeyId: keyID, Text: "?", Split: "auto", Revision: 1,
		CreatedRank: uint64(n + 1),
	}}})
	if err != nil {
		b.t.Fatal(err)
	}
	at := subject.Prompt("a", id)
	_, err = b.log.Append(b.t.Context(), stream.NewGuard(subject.Prompts, at), 0, stream.Event{ID: id, Subject: at, Data: data})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) replica(dir string) *prompts.Service {
	b.t.Helper()
	texts, err := catalogue.Load()
	if err != nil {
		b.t.Fatal(err)
	}
	s := prompts.New(prompts.Config{Views: dir}, prompts.Deps{
		Log: b.log, Catalogue: texts, Logger: slog.New(slog.DiscardHandler),
	})
	if err := s.Start(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = s.Stop(context.Background()) })
	return s
}

func (b *bench) one() *prompts.Service { return b.replica(filepath.Join(b.t.TempDir(), "views")) }

func as(t *testing.T, tenant, role string) context.Context {
	t.Helper()
	return identity.With(t.Context(), identity.Caller{Tenant: tenant, AccountID: "me", Name: "Me", Role: role})
}

func admin(t *testing.T) context.Context {
	t.Helper()
	return as(t, "a", identity.RoleSystemAdmin)
}

func draft(name string) *promptv1.PromptDraft {
	return &promptv1.PromptDraft{Name: name, KeyKind: "openai", KeyId: keyID, Text: "What happened?"}
}

func create(t *testing.T, s *prompts.Service, d *promptv1.PromptDraft) *promptv1.Prompt {
	t.Helper()
	res, err := s.CreatePrompt(admin(t), &promptv1.CreatePromptRequest{Draft: d})
	if err != nil {
		t.Fatal(err)
	}
	return res.GetPrompt()
}

func list(t *testing.T, s *prompts.Service) *promptv1.ListPromptsResponse {
	t.Helper()
	res, err := s.ListPrompts(admin(t), &promptv1.ListPromptsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func names(res *promptv1.ListPromptsResponse) (out []string) {
	for _, p := range res.GetPrompts() {
		out = append(out, p.GetName())
	}
	return out
}

func sumsOf(t *testing.T, s *prompts.Service) string {
	t.Helper()
	sums, err := s.Follower().View().Sums()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(sums)
}
