package console

import (
	"net/http"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	"github.com/kikigaki/kikigaki/services/internal/edge"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

type sessionBody struct {
	Login    string `json:"login"`
	Password string `json:"password"`
}

type meJSON struct {
	Tenant  string      `json:"tenant"`
	Account accountJSON `json:"account"`
}

// startSession logs a person in. The body must be JSON, which another site's form cannot send.
func (s *Service) startSession(w http.ResponseWriter, r *http.Request) error {
	var body sessionBody
	if err := edge.Decode(w, r, edge.MaxBody, &body); err != nil {
		return err
	}
	res, err := s.Access.StartLogin(identity.AsService(r.Context(), ""), &accessv1.StartLoginRequest{
		Login: body.Login, Password: body.Password,
	})
	if err != nil {
		return err
	}
	http.SetCookie(w, cookie(r, res.GetValue(), res.GetExpiresAt().AsTime()))
	return edge.Encode(w, http.StatusOK, meJSON{Tenant: res.GetTenant(), Account: accountOf(res.GetAccount())})
}

func (s *Service) endSession(w http.ResponseWriter, r *http.Request) error {
	c, _ := edge.CredentialOf(r)
	if c.Login == "" {
		return fault.New(fault.Invalid, "INVALID", fault.Param("reason", "not a login"))
	}
	_, err := s.Access.EndLogin(identity.AsService(r.Context(), ""), &accessv1.EndLoginRequest{Value: c.Login})
	if err != nil {
		return err
	}
	s.Edge.Forget(c)
	http.SetCookie(w, cookie(r, "", time.Unix(0, 0)))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// cookie is the login's cookie. Behind TLS it is bound to the host and never sent in the clear.
func cookie(r *http.Request, value string, expires time.Time) *http.Cookie {
	c := &http.Cookie{
		Name: edge.CookieName, Value: value, Path: "/", Expires: expires, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		c.Name, c.Secure = edge.SecureCookieName, true
	}
	return c
}

func (s *Service) me(w http.ResponseWriter, r *http.Request) error {
	caller, err := identity.From(r.Context())
	if err != nil {
		return err
	}
	res, err := s.Access.GetAccount(r.Context(), &accessv1.GetAccountRequest{Id: caller.AccountID})
	if err != nil {
		return err
	}
	return edge.Encode(w, http.StatusOK, meJSON{Tenant: caller.Tenant, Account: accountOf(res.GetAccount())})
}
