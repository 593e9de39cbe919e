package access_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	access "github.com/kikigaki/kikigaki/services/access"
	"github.com/kikigaki/kikigaki/services/internal/broker"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// password is good for every account of the tests; no other text contains it.
const password = "Canary-Open-Sesame-4711"

// patience bounds every wait. Generous: several test binaries share two cores in CI.
const patience = 20 * time.Second

// house is a log and the replicas of access over it.
type house struct {
	log     *stream.Log
	secrets identity.Secrets
	diary   *diary
}

// diary keeps what replicas log.
type diary struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (d *diary) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.Write(p)
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.String()
}

func newHouse(t *testing.T) *house {
	t.Helper()
	log, err := stream.Open(streamtest.Start(t).Conn(t), stream.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range broker.Declarations() {
		if d.Name != subject.Access {
			continue
		}
		d.MaxBytes = 64 << 20
		if _, _, err := log.Declare(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	return &house{log: log, secrets: identity.GenerateSecrets(identity.Access, "console"), diary: &diary{}}
}

// replica starts a replica with a view of its own and waits until it has caught up.
func (h *house) replica(t *testing.T) *access.Service {
	t.Helper()
	return h.replicaOver(t, t.TempDir())
}

func (h *house) replicaOver(t *testing.T, views string) *access.Service {
	t.Helper()
	signer, err := identity.NewSigner(h.secrets, identity.Access)
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(h.diary, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := access.New(access.Config{Views: views}, access.Deps{Log: h.log, Signer: signer, Logger: logger})
	access.HashCheaply(s)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	eventually(t, "the replica is ready", func() bool { return s.Ready(t.Context()) == nil })
	return s
}

// tenant makes a tenant with a system_admin and returns how that one calls.
func (h *house) tenant(t *testing.T, s *access.Service, tenant string) context.Context {
	t.Helper()
	login := "root@" + tenant
	if err := s.AddTenant(t.Context(), tenant, login, password); err != nil {
		t.Fatal(err)
	}
	res, err := s.GetAccount(service(t, tenant), &accessv1.GetAccountRequest{Login: login})
	if err != nil {
		t.Fatal(err)
	}
	return calling(t, tenant, res.GetAccount())
}

// calling is the context of an account's request.
func calling(t *testing.T, tenant string, a *accessv1.Account) context.Context {
	t.Helper()
	return identity.With(t.Context(), identity.Caller{
		Tenant: tenant, AccountID: a.GetId(), Login: a.GetLogin(), Name: a.GetName(), Role: a.GetRole(),
		CallPermission: a.GetCallPermission(),
	})
}

// service is the context of a request that a service makes by itself.
func service(t *testing.T, tenant string) context.Context {
	t.Helper()
	return identity.With(t.Context(), identity.Caller{Tenant: tenant, Service: "console"})
}

// edge is the context in which the edge asks before it knows anybody.
func edge(t *testing.T) context.Context { t.Helper(); return service(t, "") }

func draft(login, role string) *accessv1.AccountDraft {
	return &accessv1.AccountDraft{
		Login: login, Name: "Name of " + login, Role: role, CallPermission: identity.PermissionEdit, Password: password,
	}
}

// create adds an account.
func create(ctx context.Context, t *testing.T, s *access.Service, d *accessv1.AccountDraft) *accessv1.Account {
	t.Helper()
	res, err := s.CreateAccount(ctx, &accessv1.CreateAccountRequest{Draft: d})
	if err != nil {
		t.Fatalf("create %s: %v", d.GetLogin(), err)
	}
	return res.GetAccount()
}

// login starts a login and returns the cookie's value.
func login(t *testing.T, s *access.Service, name string) string {
	t.Helper()
	res, err := s.StartLogin(edge(t), &accessv1.StartLoginRequest{Login: name, Password: password})
	if err != nil {
		t.Fatalf("login %s: %v", name, err)
	}
	return res.GetValue()
}

func byLogin(value string) *accessv1.ResolveCredentialRequest {
	return &accessv1.ResolveCredentialRequest{
		Credential: &accessv1.ResolveCredentialRequest_LoginValue{LoginValue: value},
	}
}

func byToken(value string) *accessv1.ResolveCredentialRequest {
	return &accessv1.ResolveCredentialRequest{
		Credential: &accessv1.ResolveCredentialRequest_TokenValue{TokenValue: value},
	}
}

// wants checks an error's code.
func wants(t *testing.T, what string, err error, code string) {
	t.Helper()
	if fault.CodeOf(err) != code {
		t.Errorf("%s: got %v, want %q", what, err, code)
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}
