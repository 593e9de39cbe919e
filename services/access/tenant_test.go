package access_test

import (
	"strings"
	"sync"
	"testing"

	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	access "github.com/kikigaki/kikigaki/services/access"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

func TestBootstrapMakesOneAdminOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	replicas := []*access.Service{h.replica(t), h.replica(t)}
	type result struct {
		created  bool
		password string
	}
	results := make([]result, 4)
	var race sync.WaitGroup
	for n := range results {
		race.Go(func() {
			var err error
			if results[n].created, results[n].password, err = replicas[n%2].Bootstrap(t.Context(), "default", "", ""); err != nil {
				t.Error(err)
			}
		})
	}
	race.Wait()
	var made []string
	for _, r := range results {
		if r.created {
			made = append(made, r.password)
		} else if r.password != "" {
			t.Error("a password was told that is nobody's")
		}
	}
	if len(made) != 1 {
		t.Fatalf("%d made the account", len(made))
	}
	for _, s := range replicas {
		res, err := s.StartLogin(edge(t), &accessv1.StartLoginRequest{Login: "admin", Password: made[0]})
		if err != nil || res.GetTenant() != "default" || res.GetAccount().GetRole() != identity.RoleSystemAdmin {
			t.Errorf("logged in %v, %v", res, err)
		}
	}
	created, _, err := replicas[0].Bootstrap(t.Context(), "default", "someone", password)
	if created || err != nil {
		t.Errorf("a later start: %v, %v", created, err)
	}
}

func TestBootstrapWithAGivenPassword(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.replica(t)
	created, got, err := s.Bootstrap(t.Context(), "default", "Boss", password)
	if !created || got != password || err != nil {
		t.Fatalf("%v, %v", created, err)
	}
	login(t, s, "boss")
	_, _, err = s.Bootstrap(t.Context(), "second", "boss", password)
	wants(t, "the same login in another tenant", err, "LOGIN_TAKEN")
	_, _, err = s.Bootstrap(t.Context(), "third", "chief", "short")
	wants(t, "a short password", err, "FIELD_REQUIRED")
}

func TestTenantsAreAddedOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.replica(t)
	h.tenant(t, s, "shop-2")
	wants(t, "again", s.AddTenant(t.Context(), "shop-2", "other", password), "TENANT_EXISTS")
	wants(t, "a taken login", s.AddTenant(t.Context(), "bank", "ROOT@shop-2", password), "LOGIN_TAKEN")
	for name, code := range map[string]string{
		"": "FIELD_REQUIRED", "Shop": "FIELD_INVALID", "shop.eu": "FIELD_INVALID", "店": "FIELD_INVALID",
		strings.Repeat("a", 65): "FIELD_TOO_LONG",
	} {
		wants(t, "the name "+name, s.AddTenant(t.Context(), name, "fresh", password), code)
	}
	if err := s.AddTenant(t.Context(), strings.Repeat("a", 64), "fresh", password); err != nil {
		t.Errorf("64 characters: %v", err)
	}
}
