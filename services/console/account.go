package console

import (
	"net/http"

	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	"github.com/kikigaki/kikigaki/services/internal/edge"
)

type accountJSON struct {
	ID             string `json:"id"`
	Login          string `json:"login"`
	Name           string `json:"name"`
	Role           string `json:"role"`
	CallPermission string `json:"callPermission"`
	Locale         string `json:"locale"`
	TimeZone       string `json:"timeZone"`
	Suspended      bool   `json:"suspended"`
	Revision       uint32 `json:"revision"`
}

func accountOf(a *accessv1.Account) accountJSON {
	return accountJSON{
		ID: a.GetId(), Login: a.GetLogin(), Name: a.GetName(), Role: a.GetRole(), CallPermission: a.GetCallPermission(),
		Locale: a.GetLocale(), TimeZone: a.GetTimeZone(), Suspended: a.GetSuspended(), Revision: a.GetRevision(),
	}
}

type newAccount struct {
	Login          string `json:"login"`
	Name           string `json:"name"`
	Role           string `json:"role"`
	CallPermission string `json:"callPermission"`
	Locale         string `json:"locale"`
	TimeZone       string `json:"timeZone"`
	Suspended      bool   `json:"suspended"`
	Password       string `json:"password"`
}

func (s *Service) createAccount(w http.ResponseWriter, r *http.Request) error {
	var b newAccount
	if err := edge.Decode(w, r, edge.MaxBody, &b); err != nil {
		return err
	}
	res, err := s.Access.CreateAccount(r.Context(), &accessv1.CreateAccountRequest{Draft: &accessv1.AccountDraft{
		Login: b.Login, Name: b.Name, Role: b.Role, CallPermission: b.CallPermission, Locale: b.Locale,
		TimeZone: b.TimeZone, Suspended: b.Suspended, Password: b.Password,
	}})
	if err != nil {
		return err
	}
	return created(w, "/api/v1/accounts/"+res.GetAccount().GetId(), res.GetPosition(), accountOf(res.GetAccount()))
}

func (s *Service) listAccounts(w http.ResponseWriter, r *http.Request) error {
	res, err := s.Access.ListAccounts(r.Context(), &accessv1.ListAccountsRequest{MinPosition: edge.Position(r)})
	if err != nil {
		return err
	}
	return listed(w, res.GetPosition(), "accounts", convert(res.GetAccounts(), accountOf), nil)
}

func (s *Service) getAccount(w http.ResponseWriter, r *http.Request) error {
	res, err := s.Access.GetAccount(r.Context(), &accessv1.GetAccountRequest{
		Id: r.PathValue("account"), MinPosition: edge.Position(r),
	})
	if err != nil {
		return err
	}
	return found(w, res.GetPosition(), accountOf(res.GetAccount()))
}

type accountChange struct {
	Revision       uint32  `json:"revision"`
	Login          *string `json:"login"`
	Name           *string `json:"name"`
	Role           *string `json:"role"`
	CallPermission *string `json:"callPermission"`
	Locale         *string `json:"locale"`
	TimeZone       *string `json:"timeZone"`
	Suspended      *bool   `json:"suspended"`
	Password       *string `json:"password"`
}

func (s *Service) updateAccount(w http.ResponseWriter, r *http.Request) error {
	var b accountChange
	if err := edge.Decode(w, r, edge.MaxBody, &b); err != nil {
		return err
	}
	res, err := s.Access.UpdateAccount(r.Context(), &accessv1.UpdateAccountRequest{
		Id: r.PathValue("account"), Revision: b.Revision, Login: b.Login, Name: b.Name, Role: b.Role,
		CallPermission: b.CallPermission, Locale: b.Locale, TimeZone: b.TimeZone, Suspended: b.Suspended,
		Password: b.Password,
	})
	if err != nil {
		return err
	}
	return found(w, res.GetPosition(), accountOf(res.GetAccount()))
}

func (s *Service) deleteAccount(w http.ResponseWriter, r *http.Request) error {
	revision, err := revisionOf(r)
	if err != nil {
		return err
	}
	res, err := s.Access.DeleteAccount(r.Context(), &accessv1.DeleteAccountRequest{
		Id: r.PathValue("account"), Revision: revision,
	})
	return deleted(w, res.GetPosition(), err)
}

type tokenJSON struct {
	ID        string  `json:"id"`
	Name      string  `json:"name"`
	Token     string  `json:"token,omitempty"`
	Hint      string  `json:"hint"`
	CreatedAt *string `json:"createdAt"`
}

func tokenOf(t *accessv1.Token) tokenJSON {
	return tokenJSON{ID: t.GetId(), Name: t.GetName(), Hint: t.GetHint(), CreatedAt: edge.Time(t.GetCreatedAt())}
}

func (s *Service) createToken(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Name string `json:"name"`
	}
	if err := edge.Decode(w, r, edge.MaxBody, &b); err != nil {
		return err
	}
	res, err := s.Access.CreateToken(r.Context(), &accessv1.CreateTokenRequest{Name: b.Name})
	if err != nil {
		return err
	}
	out := tokenOf(res.GetToken())
	out.Token = res.GetValue()
	return created(w, "/api/v1/tokens/"+out.ID, res.GetPosition(), out)
}

func (s *Service) listTokens(w http.ResponseWriter, r *http.Request) error {
	res, err := s.Access.ListTokens(r.Context(), &accessv1.ListTokensRequest{MinPosition: edge.Position(r)})
	if err != nil {
		return err
	}
	return listed(w, res.GetPosition(), "tokens", convert(res.GetTokens(), tokenOf), nil)
}

func (s *Service) deleteToken(w http.ResponseWriter, r *http.Request) error {
	res, err := s.Access.DeleteToken(r.Context(), &accessv1.DeleteTokenRequest{Id: r.PathValue("token")})
	return deleted(w, res.GetPosition(), err)
}
