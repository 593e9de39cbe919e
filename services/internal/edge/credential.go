package edge

import (
	"context"
	"net/http"
	"net/url"

	"github.com/kikigaki/kikigaki/pkg/fault"
	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

const (
	// CookieName is the login's cookie.
	CookieName = "kikigaki_login"
	// SecureCookieName is the login's cookie behind TLS, with the prefix that binds it to the host.
	SecureCookieName = "__Host-" + CookieName
)

// Credential is what a request brings to say who is calling.
type Credential struct {
	// Token is an API token, Login a login cookie's value. One of them is set.
	Token, Login string
}

// CredentialOf returns what a request brings; an Authorization header goes before a cookie. ok is false when it
// brings nothing.
func CredentialOf(r *http.Request) (c Credential, ok bool) {
	if header := r.Header.Get("Authorization"); header != "" {
		token, ok := identity.Token(header)
		return Credential{Token: token}, ok && token != ""
	}
	for _, name := range []string{SecureCookieName, CookieName} {
		if cookie, err := r.Cookie(name); err == nil && cookie.Value != "" {
			return Credential{Login: cookie.Value}, true
		}
	}
	return c, false
}

func (c Credential) request() *accessv1.ResolveCredentialRequest {
	if c.Token != "" {
		return &accessv1.ResolveCredentialRequest{
			Credential: &accessv1.ResolveCredentialRequest_TokenValue{TokenValue: c.Token},
		}
	}
	return &accessv1.ResolveCredentialRequest{
		Credential: &accessv1.ResolveCredentialRequest_LoginValue{LoginValue: c.Login},
	}
}

func (e *Edge) authenticate(r *http.Request) (*http.Request, error) {
	c, ok := CredentialOf(r)
	if !ok {
		return nil, fault.New(fault.Unauthenticated, "UNAUTHENTICATED")
	}
	if c.Login != "" && !ownPage(r) {
		return nil, fault.New(fault.Forbidden, "FORBIDDEN", fault.Param("reason", "cross_site"))
	}
	who, err := e.resolver.resolve(r.Context(), c)
	if err != nil {
		return nil, err
	}
	return r.WithContext(identity.WithStatement(r.Context(), who.caller, who.statement)), nil
}

// ownPage tells whether a request that a browser sent with our cookie comes from our own pages. Reading is harmless:
// other sites cannot see the answer. A WebSocket is no reading: any site may open one here and see all that comes, but
// a browser always says which site it was.
func ownPage(r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return r.Header.Get("Upgrade") == "" || r.Header.Get("Origin") == "" || sameOrigin(r)
	}
	if r.Header.Get("X-Requested-With") == "kikigaki" { // other sites would have to ask us first, and we say no
		return true
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	return sameOrigin(r)
}

func sameOrigin(r *http.Request) bool {
	origin, err := url.Parse(r.Header.Get("Origin"))
	return err == nil && origin.Host != "" && origin.Host == r.Host
}

// Recheck asks again whether a credential is good, for streams that outlast one answer.
func (e *Edge) Recheck(ctx context.Context, c Credential) error {
	_, err := e.resolver.resolve(ctx, c)
	return err
}

// Resolve is Recheck for callers from outside who come by gRPC with a token.
func (e *Edge) Resolve(ctx context.Context, token string) (identity.Caller, string, error) {
	who, err := e.resolver.resolve(ctx, Credential{Token: token})
	return who.caller, who.statement, err
}
