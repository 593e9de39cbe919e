package keys_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/broker"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	keys "github.com/kikigaki/kikigaki/services/key-registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "sk-proj-4mT9wQxZ7bL2canaryKp3n"

// bench is a log, a provider, and replicas with one master key.
type bench struct {
	*provider

	t      *testing.T
	server *streamtest.Server
	log    *stream.Log
	master string
	said   *journal
}

// journal is what was logged.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write takes a line of a log.
func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// newBench does not sync: nothing here is about what a machine leaves behind, and a disk that is busy with others would be
// waited for.
func newBench(t *testing.T) *bench {
	t.Helper()
	server := streamtest.Start(t, streamtest.Unsynced())
	l, err := stream.Open(server.Conn(t), stream.Config{})
	if err == nil {
		err = broker.Declare(t.Context(), l, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &bench{
		provider: newProvider(t), t: t, server: server, log: l,
		master: filepath.Join(t.TempDir(), "master.key"), said: &journal{},
	}
}

func (b *bench) replica(views string, allow ...string) *keys.Service {
	b.t.Helper()
	cfg := keys.Config{Views: views}
	for _, p := range allow {
		cfg.Allow = append(cfg.Allow, netip.MustParsePrefix(p))
	}
	return b.with(cfg)
}

// with starts a replica; what the config does not say is as for all.
func (b *bench) with(cfg keys.Config) *keys.Service {
	b.t.Helper()
	cfg.DefaultBaseURL = b.base()
	if cfg.MasterKeyFile == "" {
		cfg.MasterKeyFile = b.master
	}
	if cfg.Views == "" {
		cfg.Views, cfg.Allow = b.t.TempDir(), []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}
	logger := slog.New(slog.NewTextHandler(b.said, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := keys.New(cfg, keys.Deps{Log: b.log, Logger: logger})
	if err == nil {
		err = s.Start(b.t.Context())
	}
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = s.Stop(context.Background()) })
	return s
}

// one is a replica that may call the provider.
func (b *bench) one() *keys.Service { return b.replica(b.t.TempDir(), "127.0.0.0/8") }

// prompt writes that a prompt uses a key, as prompt-registry does.
func (b *bench) prompt(name, key string) {
	b.t.Helper()
	data, err := proto.Marshal(&eventv1.PromptEvent{Kind: &eventv1.PromptEvent_Saved{Saved: &eventv1.PromptSaved{
		Id: "prompt-" + name, Name: name, KeyId: key, Text: "?",
	}}})
	if err != nil {
		b.t.Fatal(err)
	}
	g := stream.NewGuard(subject.Prompts, subject.PromptGuard("a"))
	_, err = b.log.Commit(b.t.Context(), g, fmt.Sprint(time.Now().UnixNano()),
		func(context.Context, uint64) (*stream.Event, error) {
			return &stream.Event{Subject: subject.Prompt("a", "prompt-"+name), Data: data}, nil
		})
	if err != nil {
		b.t.Fatal(err)
	}
}

func as(t *testing.T, tenant, role string) context.Context {
	t.Helper()
	return identity.With(t.Context(), identity.Caller{Tenant: tenant, AccountID: "me", Name: "Me", Role: role})
}

func admin(t *testing.T) context.Context {
	t.Helper()
	return as(t, "a", identity.RoleSystemAdmin)
}

// service is a service that acts by itself.
func service(t *testing.T, tenant, name string) context.Context {
	t.Helper()
	return identity.With(t.Context(), identity.Caller{Tenant: tenant, Service: name})
}

func draft(name string) *keyv1.KeyDraft {
	return &keyv1.KeyDraft{Kind: "openai", Name: name, Secret: secret, Model: "gpt-9"}
}

func try(t *testing.T, s *keys.Service, d *keyv1.KeyDraft) (*keyv1.Key, error) {
	t.Helper()
	res, err := s.CreateKey(admin(t), &keyv1.CreateKeyRequest{Draft: d})
	return res.GetKey(), err
}

func create(t *testing.T, s *keys.Service, d *keyv1.KeyDraft) *keyv1.Key {
	t.Helper()
	k, err := try(t, s, d)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func list(t *testing.T, s *keys.Service, tenant string) []*keyv1.Key {
	t.Helper()
	res, err := s.ListKeys(as(t, tenant, identity.RoleSystemAdmin), &keyv1.ListKeysRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return res.GetKeys()
}

func release(ctx context.Context, s *keys.Service, id string) (*keyv1.ReleaseSecretResponse, error) {
	return s.ReleaseSecret(ctx, &keyv1.ReleaseSecretRequest{Id: id})
}
