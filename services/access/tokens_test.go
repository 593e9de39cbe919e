package access_test

import (
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	access "github.com/kikigaki/kikigaki/services/access"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

func TestTokensComeAndGo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.replica(t)
	admin := h.tenant(t, s, "shop")
	account := create(admin, t, s, draft("crm", identity.RoleUser))
	crm := calling(t, "shop", account)
	made, err := s.CreateToken(crm, &accessv1.CreateTokenRequest{Name: "CRM 連携"})
	if err != nil {
		t.Fatal(err)
	}
	if len(made.GetValue()) != 80 || !strings.HasSuffix(made.GetValue(), made.GetToken().GetHint()) || len(made.GetToken().GetHint()) != 4 {
		t.Errorf("made %v", made)
	}
	list, err := s.ListTokens(crm, &accessv1.ListTokensRequest{MinPosition: made.GetPosition()})
	if err != nil || len(list.GetTokens()) != 1 || !proto.Equal(list.GetTokens()[0], made.GetToken()) {
		t.Errorf("listed %v, %v", list, err)
	}
	if list, err := s.ListTokens(admin, &accessv1.ListTokensRequest{}); err != nil || len(list.GetTokens()) != 0 {
		t.Errorf("somebody else's list: %v, %v", list, err)
	}
	res, err := s.ResolveCredential(edge(t), byToken(made.GetValue()))
	if err != nil || res.GetAccount().GetId() != account.GetId() || res.GetCredentialId() != made.GetToken().GetId() {
		t.Errorf("resolved %v, %v", res, err)
	}
	if _, err := s.DeleteToken(crm, &accessv1.DeleteTokenRequest{Id: made.GetToken().GetId()}); err != nil {
		t.Fatal(err)
	}
	_, err = s.ResolveCredential(edge(t), byToken(made.GetValue()))
	wants(t, "a revoked token", err, "UNAUTHENTICATED")
	_, err = s.DeleteToken(crm, &accessv1.DeleteTokenRequest{Id: made.GetToken().GetId()})
	wants(t, "revoke once more", err, "NOT_FOUND")
}

func TestWhoMayRevokeAToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.replica(t)
	admin := h.tenant(t, s, "shop")
	owner := calling(t, "shop", create(admin, t, s, draft("owner", identity.RoleUser)))
	other := calling(t, "shop", create(admin, t, s, draft("other", identity.RoleSupervisor)))
	made, err := s.CreateToken(owner, &accessv1.CreateTokenRequest{Name: "mine"})
	if err != nil {
		t.Fatal(err)
	}
	revoke := &accessv1.DeleteTokenRequest{Id: made.GetToken().GetId()}
	_, err = s.DeleteToken(other, revoke)
	wants(t, "somebody else", err, "NOT_FOUND")
	if _, err := s.DeleteToken(admin, revoke); err != nil {
		t.Errorf("a system_admin: %v", err)
	}
}

func TestTokenRules(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.replica(t)
	admin := h.tenant(t, s, "shop")
	for name, code := range map[string]string{
		"": "FIELD_REQUIRED", strings.Repeat("字", 256): "FIELD_TOO_LONG", "a\nb": "FIELD_INVALID",
	} {
		_, err := s.CreateToken(admin, &accessv1.CreateTokenRequest{Name: name})
		wants(t, "a bad name", err, code)
	}
	for n := range access.MaxTokens {
		if _, err := s.CreateToken(admin, &accessv1.CreateTokenRequest{Name: strconv.Itoa(n)}); err != nil {
			t.Fatalf("token %d: %v", n+1, err)
		}
	}
	_, err := s.CreateToken(admin, &accessv1.CreateTokenRequest{Name: "one more"})
	wants(t, "one too many", err, "LIMIT_REACHED")
}

func TestTokensOfWhoMayNotComeIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.replica(t)
	admin := h.tenant(t, s, "shop")
	a := create(admin, t, s, draft("crm", identity.RoleUser))
	made, err := s.CreateToken(calling(t, "shop", a), &accessv1.CreateTokenRequest{Name: "crm"})
	if err != nil {
		t.Fatal(err)
	}
	suspend := &accessv1.UpdateAccountRequest{Id: a.GetId(), Revision: 1, Suspended: new(true)}
	if _, err := s.UpdateAccount(admin, suspend); err != nil {
		t.Fatal(err)
	}
	_, err = s.ResolveCredential(edge(t), byToken(made.GetValue()))
	wants(t, "of a suspended account", err, "UNAUTHENTICATED")
	if _, err := s.DeleteAccount(admin, &accessv1.DeleteAccountRequest{Id: a.GetId()}); err != nil {
		t.Fatal(err)
	}
	_, err = s.ResolveCredential(edge(t), byToken(made.GetValue()))
	wants(t, "of a deleted account", err, "UNAUTHENTICATED")
	_, err = s.CreateToken(calling(t, "shop", a), &accessv1.CreateTokenRequest{Name: "again"})
	wants(t, "made by a deleted account", err, "UNAUTHENTICATED")
}
