package identity

import (
	"context"
	"slices"

	"github.com/kikigaki/kikigaki/pkg/fault"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
)

// Roles of an account.
const (
	RoleSystemAdmin = "system_admin" // keys, prompts, accounts, settings
	RoleSupervisor  = "supervisor"
	RoleUser        = "user"
)

// Call permissions of an account.
const (
	PermissionView = "view"
	PermissionEdit = "edit" // run, delete and cancel analyses; bring transcripts in
)

// Caller is who is calling: an account of a tenant, or a service acting by itself.
type Caller struct {
	// Tenant is the caller's, and with it the tenant of everything asked for.
	Tenant string `json:"tenant,omitempty"`
	// AccountID, Login, Name, Role, CallPermission and Locale are an account's.
	AccountID      string `json:"accountId,omitempty"`
	Login          string `json:"login,omitempty"`
	Name           string `json:"name,omitempty"`
	Role           string `json:"role,omitempty"`
	CallPermission string `json:"callPermission,omitempty"`
	Locale         string `json:"locale,omitempty"`
	// Service is set for a service acting by itself, and then there is no account.
	Service string `json:"service,omitempty"`
}

// IsService tells whether a service is acting by itself.
func (c Caller) IsService() bool { return c.Service != "" }

// MayEditCall tells whether the caller may run, cancel and delete analyses of a call and bring its words in: with the
// call permission edit, on one's own calls, and for services.
func (c Caller) MayEditCall(agentAccountID string) bool {
	own := agentAccountID != "" && agentAccountID == c.AccountID
	return c.IsService() || c.CallPermission == PermissionEdit || own
}

// Actor is the caller as events name it; nil for a service.
func (c Caller) Actor() *eventv1.Actor {
	if c.AccountID == "" {
		return nil
	}
	return &eventv1.Actor{AccountId: c.AccountID, Name: c.Name}
}

type contextKey struct{}

// carried is what a context knows of its caller. A statement is only there when somebody else signed it.
type carried struct {
	caller    Caller
	statement string
}

// With makes a context of a caller.
func With(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, contextKey{}, carried{caller: c})
}

// WithStatement is With for a caller whose statement travels on to other services.
func WithStatement(ctx context.Context, c Caller, statement string) context.Context {
	return context.WithValue(ctx, contextKey{}, carried{caller: c, statement: statement})
}

// AsService makes a context in which a service acts by itself for a tenant. Which service that is says the signer of
// the connection that is used, so that nobody can take another's name.
func AsService(ctx context.Context, tenant string) context.Context {
	return context.WithValue(ctx, contextKey{}, carried{caller: Caller{Tenant: tenant, Service: unnamed}})
}

// unnamed stands for the service's own name until the statement is signed.
const unnamed = "self"

// From returns who is calling; UNAUTHENTICATED when nobody is known to.
func From(ctx context.Context) (Caller, error) {
	c, ok := ctx.Value(contextKey{}).(carried)
	if !ok {
		return Caller{}, fault.New(fault.Unauthenticated, "UNAUTHENTICATED")
	}
	return c.caller, nil
}

// RequireAdmin lets system administrators through; FORBIDDEN for all others, services included.
func RequireAdmin(ctx context.Context) (Caller, error) {
	c, err := From(ctx)
	if err != nil {
		return c, err
	}
	if c.IsService() || c.Role != RoleSystemAdmin {
		return Caller{}, fault.New(fault.Forbidden, "FORBIDDEN")
	}
	return c, nil
}

// RequireService lets some services through, any service when none is named; FORBIDDEN for all others.
func RequireService(ctx context.Context, names ...string) (Caller, error) {
	c, err := From(ctx)
	if err != nil {
		return c, err
	}
	if !c.IsService() || len(names) > 0 && !slices.Contains(names, c.Service) {
		return Caller{}, fault.New(fault.Forbidden, "FORBIDDEN")
	}
	return c, nil
}
