package access

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

func accountOf(tenant string, e *eventv1.AccountSaved) Account {
	return Account{
		Tenant: tenant, ID: e.GetId(), Revision: e.GetRevision(), CreatedAt: e.GetCreatedAt().AsTime(),
		passwordHash: e.GetPasswordHash(),
		Draft: Draft{
			Login: e.GetLogin(), Name: e.GetName(), Role: e.GetRole(), CallPermission: e.GetCallPermission(),
			Locale: e.GetLocale(), TimeZone: e.GetTimeZone(), Suspended: e.GetSuspended(),
		},
	}
}

func (a Account) saved() *eventv1.AccountSaved {
	return &eventv1.AccountSaved{
		Id: a.ID, Revision: a.Revision, CreatedAt: timestamppb.New(a.CreatedAt), PasswordHash: a.passwordHash,
		Login: a.Login, Name: a.Name, Role: a.Role, CallPermission: a.CallPermission,
		Locale: a.Locale, TimeZone: a.TimeZone, Suspended: a.Suspended,
	}
}

// shown is an account as it may leave the package: without its password's hash.
func (a Account) shown() *accessv1.Account {
	return &accessv1.Account{
		Id: a.ID, Revision: a.Revision, CreatedAt: timestamppb.New(a.CreatedAt),
		Login: a.Login, Name: a.Name, Role: a.Role, CallPermission: a.CallPermission,
		Locale: a.Locale, TimeZone: a.TimeZone, Suspended: a.Suspended,
	}
}

// caller is an account as statements name it.
func (a Account) caller() identity.Caller {
	return identity.Caller{
		Tenant: a.Tenant, AccountID: a.ID, Login: a.Login, Name: a.Name, Role: a.Role,
		CallPermission: a.CallPermission, Locale: a.Locale,
	}
}

func tokenOf(e *eventv1.TokenSaved) Token {
	return Token{
		ID: e.GetId(), Account: e.GetAccountId(), Name: e.GetName(), Hint: e.GetHint(),
		CreatedAt: e.GetCreatedAt().AsTime(), hash: e.GetHash(),
	}
}

// credential is a token as something that lets its account in.
func (t Token) credential(tenant string) credential {
	return credential{noun: subject.NounToken, tenant: tenant, id: t.ID, account: t.Account}
}

func (t Token) saved() *eventv1.TokenSaved {
	return &eventv1.TokenSaved{
		Id: t.ID, AccountId: t.Account, Name: t.Name, Hint: t.Hint,
		CreatedAt: timestamppb.New(t.CreatedAt), Hash: t.hash,
	}
}

func (t Token) shown() *accessv1.Token {
	return &accessv1.Token{Id: t.ID, Name: t.Name, Hint: t.Hint, CreatedAt: timestamppb.New(t.CreatedAt)}
}

// loginOf reads a login; one that does not say when it ends has ended.
func loginOf(tenant string, e *eventv1.LoginStarted) credential {
	expires := time.Unix(0, 0)
	if e.GetExpiresAt() != nil {
		expires = e.GetExpiresAt().AsTime()
	}
	return credential{
		noun: subject.NounLogin, tenant: tenant, id: e.GetId(), account: e.GetAccountId(), expires: expires,
	}
}

func draftOf(d *accessv1.AccountDraft) Draft {
	return Draft{
		Login: d.GetLogin(), Name: d.GetName(), Role: d.GetRole(), CallPermission: d.GetCallPermission(),
		Locale: d.GetLocale(), TimeZone: d.GetTimeZone(), Suspended: d.GetSuspended(),
	}
}

// edit lays what a request sets over a draft.
func edit(d *Draft, req *accessv1.UpdateAccountRequest) {
	for _, f := range []struct {
		field *string
		value *string
	}{
		{&d.Login, req.Login}, {&d.Name, req.Name}, {&d.Role, req.Role}, {&d.CallPermission, req.CallPermission}, //nolint:protogetter // nil: not set
		{&d.Locale, req.Locale}, {&d.TimeZone, req.TimeZone}, //nolint:protogetter // nil: not set
	} {
		if f.value != nil {
			*f.field = *f.value
		}
	}
	if req.Suspended != nil {
		d.Suspended = req.GetSuspended()
	}
}
