package identity

import (
	"context"
	"testing"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

func TestWhoMayEditACall(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		caller Caller
		agent  string
		want   bool
	}{
		"with edit":                     {Caller{AccountID: "a", CallPermission: PermissionEdit}, "b", true},
		"one's own":                     {Caller{AccountID: "a", CallPermission: PermissionView}, "a", true},
		"another's":                     {Caller{AccountID: "a", CallPermission: PermissionView}, "b", false},
		"an administrator with view":    {Caller{AccountID: "a", Role: RoleSystemAdmin, CallPermission: PermissionView}, "b", false},
		"nobody's call":                 {Caller{AccountID: "a", CallPermission: PermissionView}, "", false},
		"nobody's call, nobody calling": {Caller{}, "", false},
		"a service":                     {Caller{Service: "analysis-worker"}, "b", true},
	} {
		if got := c.caller.MayEditCall(c.agent); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestWhoIsLetThrough(t *testing.T) {
	t.Parallel()
	admin := With(t.Context(), Caller{Tenant: "north", AccountID: "a", Role: RoleSystemAdmin})
	user := With(t.Context(), Caller{Tenant: "north", AccountID: "a", Role: RoleUser})
	service := With(t.Context(), Caller{Tenant: "north", Service: "console"})
	mixed := With(t.Context(), Caller{Tenant: "north", Service: "console", Role: RoleSystemAdmin})
	asAny := func(ctx context.Context) (Caller, error) { return RequireService(ctx) }
	asConsole := func(ctx context.Context) (Caller, error) { return RequireService(ctx, "access", "console") }
	asOther := func(ctx context.Context) (Caller, error) { return RequireService(ctx, "access") }
	for name, c := range map[string]struct {
		ctx  context.Context
		gate func(context.Context) (Caller, error)
		want fault.Kind
	}{
		"nobody, known":              {t.Context(), From, fault.Unauthenticated},
		"nobody, admin":              {t.Context(), RequireAdmin, fault.Unauthenticated},
		"nobody, service":            {t.Context(), asAny, fault.Unauthenticated},
		"admin, admin":               {admin, RequireAdmin, fault.Other},
		"user, admin":                {user, RequireAdmin, fault.Forbidden},
		"service, admin":             {service, RequireAdmin, fault.Forbidden},
		"service with a role, admin": {mixed, RequireAdmin, fault.Forbidden},
		"admin, service":             {admin, asAny, fault.Forbidden},
		"service, any":               {service, asAny, fault.Other},
		"service, among":             {service, asConsole, fault.Other},
		"service, another":           {service, asOther, fault.Forbidden},
	} {
		got, err := c.gate(c.ctx)
		if fault.KindOf(err) != c.want || err != nil && got != (Caller{}) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestAServiceIsNoActor(t *testing.T) {
	t.Parallel()
	if a := (Caller{AccountID: "a", Name: "Anna"}).Actor(); a.GetAccountId() != "a" || a.GetName() != "Anna" {
		t.Errorf("got %v", a)
	}
	if a := (Caller{Service: "console", Tenant: "north"}).Actor(); a != nil {
		t.Errorf("got %v", a)
	}
}
