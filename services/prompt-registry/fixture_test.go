package prompts_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
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

// TestMain sets how many histories are tried when the command line does not say it (-rapid.checks): a few, and in the long
// form of the stories, which make slow asks for, as many as take a minute.
func TestMain(m *testing.M) {
	checks := "25"
	if os.Getenv("KIKIGAKI_STORIES") == "whole" {
		checks = "500"
	}
	if err := flag.Set("rapid.checks", checks); err != nil {
		panic(err) //nolint:forbidigo // fewer than were asked for would not be noticed
	}
	goleak.VerifyTestMain(m)
}

const keyID = "key-1"

// bench is a log with a key on it, and replicas over it.
type bench struct {
	t      *testing.T
	server *streamtest.Server
	log    *stream.Log
}

// newBench does not sync: nothing here is about what a machine leaves behind, and a disk that is busy with others would be
// waited for.
func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, server: streamtest.Start(t, streamtest.Unsynced())}
	b.log = b.open()
	if err := broker.Declare(t.Context(), b.log, nil); err != nil {
		t.Fatal(err)
	}
	b.keyFor("a")
	return b
}

// open connects to the log as a process of its own: writers of one Log take turns, and only others are raced against.
func (b *bench) open() *stream.Log {
	b.t.Helper()
	l, err := stream.Open(b.server.Conn(b.t), stream.Config{})
	if err != nil {
		b.t.Fatal(err)
	}
	return l
}

// keyFor gives a tenant the key that prompts are made for.
func (b *bench) keyFor(tenant string) {
	b.t.Helper()
	b.key(tenant, &eventv1.KeyEvent{Kind: &eventv1.KeyEvent_Saved{Saved: &eventv1.KeySaved{
		Id: keyID, Kind: "openai", Model: "model-1",
	}}})
}

// events is how many messages of prompts were ever written.
func (b *bench) events() uint64 {
	b.t.Helper()
	info, err := b.log.Info(b.t.Context(), subject.Prompts)
	if err != nil {
		b.t.Fatal(err)
	}
	return info.Last
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

// prompts writes so many prompts straight to the log, as if they had been made long ago: as large as they can be.
func (b *bench) prompts(count int) {
	b.t.Helper()
	var events []stream.Event
	for n := range count {
		id := fmt.Sprintf("prompt-%d", n)
		data, err := proto.Marshal(&eventv1.PromptEvent{Kind: &eventv1.PromptEvent_Saved{Saved: &eventv1.PromptSaved{
			Id: id, Name: id, KeyKind: "openai", KeyId: keyID, Split: "auto", Revision: 1, CreatedRank: uint64(n + 1),
			Text: strings.Repeat("𠮷", 1000), MapText: strings.Repeat("𠮷", 1000), Memo: strings.Repeat("𠮷", 500),
		}}})
		if err != nil {
			b.t.Fatal(err)
		}
		events = append(events, stream.Event{Subject: subject.Prompt("a", id), Data: data})
	}
	g := stream.NewGuard(subject.Prompts, subject.PromptGuard("a"))
	_, err := b.log.CommitAll(b.t.Context(), g, "long-ago", func(context.Context, uint64) ([]stream.Event, error) { return events, nil })
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
		Log: b.open(), Catalogue: texts, Logger: slog.New(slog.DiscardHandler),
	})
	if err := s.Start(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = s.Stop(context.Background()) })
	caughtUp(b.t, s)
	return s
}

func (b *bench) one() *prompts.Service { return b.replica(filepath.Join(b.t.TempDir(), "views")) }

func as(t *testing.T, tenant, role string) context.Context {
	t.Helper()
	return identity.With(t.Context(), identity.Caller{Tenant: tenant, AccountID: "me", Name: "Me", Role: role})
}

// person is an administrator of tenant a with a name.
func person(t *testing.T, name string) context.Context {
	t.Helper()
	return identity.With(t.Context(), identity.Caller{
		Tenant: "a", AccountID: "account-" + name, Name: name, Role: identity.RoleSystemAdmin,
	})
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

// caughtUp waits until a replica has everything that was on the log when it started.
func caughtUp(t *testing.T, s *prompts.Service) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); s.Ready(t.Context()) != nil; {
		if time.Now().After(end) {
			t.Fatal(s.Ready(t.Context()))
		}
		time.Sleep(time.Millisecond)
	}
}
