package access_test

import (
	"context"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	access "github.com/kikigaki/kikigaki/services/access"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

func TestALoginIsGoodOnEveryReplicaAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	here, there := h.replica(t), h.replica(t)
	admin := h.tenant(t, here, "shop")
	for range 20 {
		if _, err := there.ResolveCredential(edge(t), byLogin(login(t, here, "Root@Shop"))); err != nil {
			t.Fatalf("a login of a moment ago: %v", err)
		}
		made, err := here.CreateToken(admin, &accessv1.CreateTokenRequest{Name: "crm"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := there.ResolveCredential(edge(t), byToken(made.GetValue())); err != nil {
			t.Fatalf("a token of a moment ago: %v", err)
		}
	}
}

func TestAStatementSaysWhoIsCalling(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.replica(t)
	d := draft("clerk", identity.RoleSupervisor)
	d.CallPermission, d.Locale = identity.PermissionView, "en"
	a := create(h.tenant(t, s, "shop"), t, s, d)
	started, err := s.StartLogin(edge(t), &accessv1.StartLoginRequest{Login: "clerk", Password: password})
	if err != nil {
		t.Fatal(err)
	}
	if len(started.GetValue()) != 64 || started.GetTenant() != "shop" || !proto.Equal(started.GetAccount(), a) {
		t.Errorf("started %v", started)
	}
	if left := time.Until(started.GetExpiresAt().AsTime()); left > 12*time.Hour || left < 12*time.Hour-time.Minute {
		t.Errorf("it lasts %v", left)
	}
	res, err := s.ResolveCredential(edge(t), byLogin(started.GetValue()))
	if err != nil {
		t.Fatal(err)
	}
	got, err := identity.NewVerifier(h.secrets).Verify(res.GetStatement(), time.Now())
	want := identity.Caller{
		Tenant: "shop", AccountID: a.GetId(), Login: "clerk", Name: "Name of clerk", Role: identity.RoleSupervisor,
		CallPermission: identity.PermissionView, Locale: "en",
	}
	if err != nil || got != want {
		t.Errorf("the statement says %+v, %v", got, err)
	}
	if res.GetTenant() != "shop" || !proto.Equal(res.GetAccount(), a) || res.GetCredentialId() == "" {
		t.Errorf("resolved %v", res)
	}
	if _, err := identity.NewVerifier(identity.GenerateSecrets(identity.Access)).Verify(res.GetStatement(), time.Now()); err == nil {
		t.Error("a verifier with other secrets believes it")
	}
}

func TestWhatLetsNobodyIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.replica(t)
	admin := h.tenant(t, s, "shop")
	d := draft("suspended", identity.RoleUser)
	d.Suspended = true
	create(admin, t, s, d)
	for name, req := range map[string]*accessv1.StartLoginRequest{
		"wrong password":           {Login: "root@shop", Password: password + "x"},
		"no password":              {Login: "root@shop"},
		"unknown login":            {Login: "nobody", Password: password},
		"no login":                 {Password: password},
		"suspended":                {Login: "suspended", Password: password},
		"a login of great length":  {Login: strings.Repeat("a", 1<<16), Password: password},
		"a password of that kind":  {Login: "root@shop", Password: strings.Repeat("a", 1<<16)},
		"the password's own hash":  {Login: "root@shop", Password: "$argon2id$v=19$m=19456,t=2,p=1$"},
		"a login that is not text": {Login: "root@shop\x00", Password: password},
	} {
		_, err := s.StartLogin(edge(t), req)
		wants(t, name, err, "UNAUTHENTICATED")
	}
	value := login(t, s, "root@shop")
	for name, req := range map[string]*accessv1.ResolveCredentialRequest{
		"nothing":            {},
		"a guess":            byLogin(strings.Repeat("0", 64)),
		"a guessed token":    byToken(strings.Repeat("0", 80)),
		"a login as a token": byToken(value),
		"in upper case":      byLogin(strings.ToUpper(value) + "A"),
	} {
		_, err := s.ResolveCredential(edge(t), req)
		wants(t, name, err, "UNAUTHENTICATED")
	}
}

// With nobody to hash, whoever needs a hash waits: a login name that nobody has must not be answered any sooner.
func TestAnUnknownLoginCostsAHashToo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.replica(t)
	h.tenant(t, s, "shop")
	access.Busy(s)
	for _, name := range []string{"root@shop", "nobody"} {
		ctx, cancel := context.WithTimeout(edge(t), 100*time.Millisecond)
		_, err := s.StartLogin(ctx, &accessv1.StartLoginRequest{Login: name, Password: password})
		cancel()
		if fault.KindOf(err) != fault.DeadlineExceeded {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestWhatEndsALogin(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	here, there := h.replica(t), h.replica(t)
	admin := h.tenant(t, here, "shop")
	refused := func(what, value string) {
		t.Helper()
		// The other replica may be a moment behind, as the edge's own memory is.
		eventually(t, what, func() bool {
			_, err := there.ResolveCredential(edge(t), byLogin(value))
			return fault.Is(err, "UNAUTHENTICATED")
		})
		_, err := here.ResolveCredential(edge(t), byLogin(value))
		wants(t, what, err, "UNAUTHENTICATED")
	}
	change := func(a *accessv1.Account, edit func(*accessv1.UpdateAccountRequest)) *accessv1.Account {
		t.Helper()
		req := &accessv1.UpdateAccountRequest{Id: a.GetId(), Revision: a.GetRevision()}
		edit(req)
		res, err := here.UpdateAccount(admin, req)
		if err != nil {
			t.Fatal(err)
		}
		return res.GetAccount()
	}
	a := create(admin, t, here, draft("clerk", identity.RoleUser))

	value := login(t, there, "clerk")
	for range 2 { // the second time there is nothing to end
		if _, err := here.EndLogin(edge(t), &accessv1.EndLoginRequest{Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	refused("logged out", value)

	value = login(t, there, "clerk")
	a = change(a, func(r *accessv1.UpdateAccountRequest) { r.Suspended = new(true) })
	refused("suspended", value)
	a = change(a, func(r *accessv1.UpdateAccountRequest) { r.Suspended = new(false) })

	value = login(t, there, "clerk")
	a = change(a, func(r *accessv1.UpdateAccountRequest) { r.Name = new("another") })
	if _, err := here.ResolveCredential(edge(t), byLogin(value)); err != nil {
		t.Errorf("another name ended the login: %v", err)
	}
	a = change(a, func(r *accessv1.UpdateAccountRequest) { r.Password = new("another password") })
	refused("another password", value)
	_, err := there.StartLogin(edge(t), &accessv1.StartLoginRequest{Login: "clerk", Password: password})
	wants(t, "the old password", err, "UNAUTHENTICATED")

	_ = change(a, func(r *accessv1.UpdateAccountRequest) { r.Password = new(password) })
	value = login(t, there, "clerk")
	if _, err := here.DeleteAccount(admin, &accessv1.DeleteAccountRequest{Id: a.GetId()}); err != nil {
		t.Fatal(err)
	}
	refused("deleted", value)
}

// started writes the start of a login that ends at a time, as a replica did long ago, and returns the cookie's value.
func (h *house) started(t *testing.T, tenant, account string, expires time.Time) (subjectOf, value string) {
	t.Helper()
	id := "login-" + strings.ToLower(strings.NewReplacer("/", "-").Replace(t.Name()))
	value = strings.Repeat("ab", 32)
	hash := sha256.Sum256([]byte(value))
	subjectOf = subject.Login(tenant, id)
	h.append(t, subjectOf, &eventv1.AccessEvent{Kind: &eventv1.AccessEvent_LoginStarted{LoginStarted: &eventv1.LoginStarted{
		Id: id, AccountId: account, Hash: hash[:], ExpiresAt: timestamppb.New(expires),
	}}})
	return subjectOf, value
}

func (h *house) append(t *testing.T, at string, event *eventv1.AccessEvent) {
	t.Helper()
	data, err := proto.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	e := stream.Event{ID: "event-" + at, Subject: at, Data: data}
	if _, err := h.log.Append(t.Context(), stream.NewGuard(subject.Access, at), 0, e); err != nil {
		t.Fatal(err)
	}
}

func TestALoginEndsWithItsTime(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.replica(t)
	who, _ := identity.From(h.tenant(t, s, "shop"))
	_, value := h.started(t, "shop", who.AccountID, time.Now().Add(-time.Second))
	_, err := s.ResolveCredential(edge(t), byLogin(value))
	wants(t, "an expired login", err, "UNAUTHENTICATED")
}

func TestALoginNotYetOverIsGood(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.replica(t)
	who, _ := identity.From(h.tenant(t, s, "shop"))
	_, value := h.started(t, "shop", who.AccountID, time.Now().Add(time.Hour))
	if _, err := s.ResolveCredential(edge(t), byLogin(value)); err != nil {
		t.Errorf("the same login with time left: %v", err)
	}
}

func TestTheEleventhFailureWaits(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.replica(t)
	h.tenant(t, s, "shop")
	for _, name := range []string{"root@shop", "nobody"} { // who is not there is treated alike
		for range 10 {
			_, err := s.StartLogin(edge(t), &accessv1.StartLoginRequest{Login: name, Password: "wrong password"})
			wants(t, name, err, "UNAUTHENTICATED")
		}
		_, err := s.StartLogin(edge(t), &accessv1.StartLoginRequest{Login: strings.ToUpper(name), Password: password})
		wants(t, name+" once more", err, "TOO_MANY_REQUESTS")
		if e, _ := fault.As(err); e.RetryAfter <= 0 || e.RetryAfter > time.Minute {
			t.Errorf("retry in %v", e.RetryAfter)
		}
	}
}
