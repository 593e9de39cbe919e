package access_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	access "github.com/kikigaki/kikigaki/services/access"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

func TestAccountsComeChangeAndGo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	here, there := h.replica(t), h.replica(t)
	admin := h.tenant(t, here, "shop")

	made, err := here.CreateAccount(admin, &accessv1.CreateAccountRequest{Draft: draft("Tanaka", identity.RoleUser)})
	if err != nil {
		t.Fatal(err)
	}
	a := made.GetAccount()
	if a.GetLogin() != "tanaka" || a.GetRevision() != 1 || !a.GetCreatedAt().IsValid() {
		t.Errorf("made %v", a)
	}
	get := &accessv1.GetAccountRequest{Id: a.GetId(), MinPosition: made.GetPosition()}
	if got, err := there.GetAccount(admin, get); err != nil || !proto.Equal(got.GetAccount(), a) {
		t.Errorf("another replica says %v, %v", got, err)
	}
	update := &accessv1.UpdateAccountRequest{Id: a.GetId(), Revision: 1, Name: new("田中")}
	changed, err := there.UpdateAccount(admin, update)
	if err != nil || changed.GetAccount().GetName() != "田中" || changed.GetAccount().GetRevision() != 2 {
		t.Fatalf("changed %v, %v", changed, err)
	}
	_, err = here.UpdateAccount(admin, update)
	wants(t, "the same change once more", err, "REVISION_STALE")
	_, err = here.DeleteAccount(admin, &accessv1.DeleteAccountRequest{Id: a.GetId(), Revision: 1})
	wants(t, "delete at an old revision", err, "REVISION_STALE")
	gone, err := here.DeleteAccount(admin, &accessv1.DeleteAccountRequest{Id: a.GetId(), Revision: 2})
	if err != nil {
		t.Fatal(err)
	}
	get.MinPosition = gone.GetPosition()
	_, err = there.GetAccount(admin, get)
	wants(t, "get what is deleted", err, "NOT_FOUND")
	create(admin, t, there, draft("tanaka", identity.RoleUser)) // the name is free again
}

func TestAccountsAreListedByLoginName(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.replica(t)
	admin := h.tenant(t, s, "shop")
	for _, name := range []string{"zoe", "abe", "mia"} {
		create(admin, t, s, draft(name, identity.RoleUser))
	}
	got, err := s.ListAccounts(service(t, "shop"), &accessv1.ListAccountsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range got.GetAccounts() {
		names = append(names, a.GetLogin())
	}
	if fmt.Sprint(names) != "[abe mia root@shop zoe]" {
		t.Errorf("listed %v", names)
	}
}

func TestTenantsAreApart(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.replica(t)
	shop, bank := h.tenant(t, s, "shop"), h.tenant(t, s, "bank")
	clerk := create(shop, t, s, draft("clerk", identity.RoleUser))
	token, err := s.CreateToken(calling(t, "shop", clerk), &accessv1.CreateTokenRequest{Name: "crm"})
	if err != nil {
		t.Fatal(err)
	}
	for who, ctx := range map[string]context.Context{"an admin": bank, "a service": service(t, "bank")} {
		_, err := s.GetAccount(ctx, &accessv1.GetAccountRequest{Id: clerk.GetId()})
		wants(t, who+" gets by id", err, "NOT_FOUND")
		_, err = s.GetAccount(ctx, &accessv1.GetAccountRequest{Login: "clerk"})
		wants(t, who+" gets by login", err, "NOT_FOUND")
		list, err := s.ListAccounts(ctx, &accessv1.ListAccountsRequest{})
		if err != nil || len(list.GetAccounts()) != 1 || list.GetAccounts()[0].GetLogin() != "root@bank" {
			t.Errorf("%s lists %v, %v", who, list, err)
		}
	}
	_, err = s.UpdateAccount(bank, &accessv1.UpdateAccountRequest{Id: clerk.GetId(), Revision: 1})
	wants(t, "update", err, "NOT_FOUND")
	_, err = s.DeleteAccount(bank, &accessv1.DeleteAccountRequest{Id: clerk.GetId()})
	wants(t, "delete", err, "NOT_FOUND")
	_, err = s.DeleteToken(bank, &accessv1.DeleteTokenRequest{Id: token.GetToken().GetId()})
	wants(t, "revoke", err, "NOT_FOUND")
	if _, err := s.ResolveCredential(edge(t), byToken(token.GetValue())); err != nil {
		t.Errorf("the token is touched: %v", err)
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.replica(t)
	admin := h.tenant(t, s, "shop")
	other := create(admin, t, s, draft("other", identity.RoleUser))
	people := map[string]context.Context{"nobody": t.Context(), "admin": admin, "service": service(t, "shop")}
	for _, role := range []string{identity.RoleSupervisor, identity.RoleUser} {
		made := create(admin, t, s, draft(role, role))
		people[role] = calling(t, "shop", made) //nolint:fatcontext // each is of the test's own context
	}
	const no, none, gone, bad = "FORBIDDEN", "UNAUTHENTICATED", "NOT_FOUND", "FIELD_REQUIRED"
	for _, call := range []struct {
		name                                 string
		do                                   func(context.Context) error
		nobody, user, supervisor, sys, admin string
	}{
		{"create", func(ctx context.Context) error {
			_, err := s.CreateAccount(ctx, &accessv1.CreateAccountRequest{})
			return err
		}, none, no, no, no, bad},
		{"get another", func(ctx context.Context) error {
			_, err := s.GetAccount(ctx, &accessv1.GetAccountRequest{Id: other.GetId()})
			return err
		}, none, no, no, "", ""},
		{"get one that is not", func(ctx context.Context) error {
			_, err := s.GetAccount(ctx, &accessv1.GetAccountRequest{Id: "account-none"})
			return err
		}, none, no, no, gone, gone},
		{"list", func(ctx context.Context) error {
			_, err := s.ListAccounts(ctx, &accessv1.ListAccountsRequest{})
			return err
		}, none, no, no, "", ""},
		{"update", func(ctx context.Context) error {
			_, err := s.UpdateAccount(ctx, &accessv1.UpdateAccountRequest{Id: "account-none", Revision: 1})
			return err
		}, none, no, no, no, gone},
		{"delete", func(ctx context.Context) error {
			_, err := s.DeleteAccount(ctx, &accessv1.DeleteAccountRequest{Id: "account-none"})
			return err
		}, none, no, no, no, gone},
		{"make a token", func(ctx context.Context) error {
			_, err := s.CreateToken(ctx, &accessv1.CreateTokenRequest{Name: "mine"})
			return err
		}, none, "", "", no, ""},
		{"list tokens", func(ctx context.Context) error {
			_, err := s.ListTokens(ctx, &accessv1.ListTokensRequest{})
			return err
		}, none, "", "", no, ""},
		{"revoke", func(ctx context.Context) error {
			_, err := s.DeleteToken(ctx, &accessv1.DeleteTokenRequest{Id: "token-none"})
			return err
		}, none, gone, gone, no, gone},
		{"log in", func(ctx context.Context) error {
			_, err := s.StartLogin(ctx, &accessv1.StartLoginRequest{Login: "other", Password: password})
			return err
		}, none, no, no, "", no},
		{"log out", func(ctx context.Context) error {
			_, err := s.EndLogin(ctx, &accessv1.EndLoginRequest{})
			return err
		}, none, no, no, "", no},
		{"resolve", func(ctx context.Context) error {
			_, err := s.ResolveCredential(ctx, byLogin("guess"))
			return err
		}, none, no, no, none, no},
	} {
		for who, code := range map[string]string{
			"nobody": call.nobody, identity.RoleUser: call.user, identity.RoleSupervisor: call.supervisor,
			"service": call.sys, "admin": call.admin,
		} {
			wants(t, who+": "+call.name, call.do(people[who]), code)
		}
	}
}

func TestAnAccountMayReadItself(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.replica(t)
	a := create(h.tenant(t, s, "shop"), t, s, draft("clerk", identity.RoleUser))
	for _, req := range []*accessv1.GetAccountRequest{{Id: a.GetId()}, {Login: "CLERK"}} {
		if got, err := s.GetAccount(calling(t, "shop", a), req); err != nil || !proto.Equal(got.GetAccount(), a) {
			t.Errorf("%v: %v, %v", req, got, err)
		}
	}
}

// Eight writers, on two replicas and for two tenants, want one login name in different spellings at the same moment.
func TestALoginNameIsGivenOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	replicas := []*access.Service{h.replica(t), h.replica(t)}
	tenants := []context.Context{h.tenant(t, replicas[0], "shop"), h.tenant(t, replicas[0], "bank")}
	spellings := []string{"gaゃ", "GAゃ", "Gaゃ", "gAゃ"}
	var race sync.WaitGroup
	results := make([]error, 8)
	for n := range results {
		race.Go(func() {
			_, results[n] = replicas[n%2].CreateAccount(tenants[n/2%2], &accessv1.CreateAccountRequest{
				Draft: draft(spellings[n%4], identity.RoleUser),
			})
		})
	}
	race.Wait()
	won := 0
	for n, err := range results {
		switch {
		case err == nil:
			won++
		case !fault.Is(err, "LOGIN_TAKEN"):
			t.Errorf("writer %d: %v", n, err)
		}
	}
	if won != 1 {
		t.Errorf("%d writers won", won)
	}
}

// Two administrators take the right from each other at the same moment, each on a replica of its own.
func TestATenantIsNeverWithoutAdmin(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	replicas := []*access.Service{h.replica(t), h.replica(t)}
	first := h.tenant(t, replicas[0], "shop")
	second := calling(t, "shop", create(first, t, replicas[0], draft("second", identity.RoleSystemAdmin)))
	admins := []context.Context{first, second}
	var race sync.WaitGroup
	results := make([]error, 2)
	for n := range results {
		victim, _ := identity.From(admins[1-n])
		race.Go(func() {
			_, results[n] = replicas[n].UpdateAccount(admins[n], &accessv1.UpdateAccountRequest{
				Id: victim.AccountID, Revision: 1, Suspended: new(true),
			})
		})
	}
	race.Wait()
	if (results[0] == nil) == (results[1] == nil) {
		t.Errorf("want one to win: %v, %v", results[0], results[1])
	}
	for _, err := range results {
		if err != nil {
			wants(t, "the other", err, "LAST_ADMIN")
		}
	}
}
