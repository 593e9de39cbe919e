package access

import (
	"strings"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

func someDraft() Draft {
	return Draft{Login: "tanaka", Name: "田中", Role: identity.RoleUser, CallPermission: identity.PermissionView}
}

func TestDraftRules(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change      func(*Draft)
		code, field string
	}{
		"as it is":            {func(*Draft) {}, "", ""},
		"no login":            {func(d *Draft) { d.Login = "" }, "FIELD_REQUIRED", "login"},
		"255 characters":      {func(d *Draft) { d.Login = strings.Repeat("漢", 255) }, "", ""},
		"256 characters":      {func(d *Draft) { d.Login = strings.Repeat("a", 256) }, "FIELD_TOO_LONG", "login"},
		"blank in login":      {func(d *Draft) { d.Login = "ta naka" }, "FIELD_INVALID", "login"},
		"ideographic blank":   {func(d *Draft) { d.Login = "田\u3000中" }, "FIELD_INVALID", "login"},
		"zero width in login": {func(d *Draft) { d.Login = "ta\u200bnaka" }, "FIELD_INVALID", "login"},
		"control in login":    {func(d *Draft) { d.Login = "ta\x07naka" }, "FIELD_INVALID", "login"},
		"no name":             {func(d *Draft) { d.Name = "" }, "FIELD_REQUIRED", "name"},
		"unknown role":        {func(d *Draft) { d.Role = "root" }, "FIELD_INVALID", "role"},
		"no role":             {func(d *Draft) { d.Role = "" }, "FIELD_INVALID", "role"},
		"unknown permission":  {func(d *Draft) { d.CallPermission = "all" }, "FIELD_INVALID", "callPermission"},
		"unknown locale":      {func(d *Draft) { d.Locale = "de" }, "FIELD_INVALID", "locale"},
		"known locale":        {func(d *Draft) { d.Locale = "pt-BR" }, "", ""},
		"unknown time zone":   {func(d *Draft) { d.TimeZone = "Asia/Edo" }, "FIELD_INVALID", "timeZone"},
		"the machine's zone":  {func(d *Draft) { d.TimeZone = "Local" }, "FIELD_INVALID", "timeZone"},
		"known time zone":     {func(d *Draft) { d.TimeZone = "Asia/Tokyo" }, "", ""},
	} {
		d := someDraft()
		c.change(&d)
		err := d.normal().check()
		if fault.CodeOf(err) != c.code {
			t.Errorf("%s: got %v, want %q", name, err, c.code)
		}
		if e, ok := fault.As(err); ok && e.Field != c.field {
			t.Errorf("%s: field %q, want %q", name, e.Field, c.field)
		}
	}
}

func TestLoginNamesThatLookAlikeAreOne(t *testing.T) {
	t.Parallel()
	for a, b := range map[string]string{"Tanaka": "tANAKA", "か\u3099": "が", "ÉCOLE": "e\u0301cole"} {
		if foldLogin(a) != foldLogin(b) {
			t.Errorf("%q and %q are two names", a, b)
		}
	}
	if foldLogin("tanaka") == foldLogin("tanaka2") {
		t.Error("two names are one")
	}
}

// people is a tenant of two who administer it, one of them suspended, and a user.
func people() state {
	account := func(id, role string, suspended bool) Account {
		d := someDraft()
		d.Login, d.Role, d.Suspended = id, role, suspended
		return Account{Draft: d, ID: id, Revision: 3, passwordHash: "old"}
	}
	st := state{tenant: "t", accounts: []Account{
		account("chief", identity.RoleSystemAdmin, false), account("retired", identity.RoleSystemAdmin, true),
		account("user", identity.RoleUser, false),
	}}
	st.owner = func(login string) string {
		if login == "foreign" {
			return "account-of-another-tenant"
		}
		for _, a := range st.accounts {
			if a.Login == login {
				return a.ID
			}
		}
		return ""
	}
	return st
}

func TestTheLastSystemAdminStays(t *testing.T) {
	t.Parallel()
	st := people()
	suspend := func(d *Draft) error { d.Suspended = true; return nil }
	demote := func(d *Draft) error { d.Role = identity.RoleSupervisor; return nil }
	rename := func(d *Draft) error { d.Name = "other"; return nil }
	promote := func(d *Draft) error { d.Role = identity.RoleSystemAdmin; return nil }
	try := func(what, id, code string, edit func(*Draft) error) {
		t.Helper()
		if _, err := st.change(id, 3, "", edit); fault.CodeOf(err) != code {
			t.Errorf("%s: got %v, want %q", what, err, code)
		}
	}
	try("suspend the last", "chief", "LAST_ADMIN", suspend)
	try("demote the last", "chief", "LAST_ADMIN", demote)
	try("rename the last", "chief", "", rename)
	try("demote a suspended one", "retired", "", demote)
	if _, err := st.remove("chief", 0); fault.CodeOf(err) != "LAST_ADMIN" {
		t.Errorf("delete the last: %v", err)
	}
	if _, err := st.remove("retired", 0); err != nil {
		t.Errorf("delete a suspended one: %v", err)
	}
	second, err := st.change("user", 3, "", promote)
	if err != nil {
		t.Fatal(err)
	}
	st.accounts[2] = second
	try("demote one of two", "chief", "", demote)
	if _, err := st.remove("chief", 3); err != nil {
		t.Errorf("delete one of two: %v", err)
	}
}

func TestAccountRules(t *testing.T) {
	t.Parallel()
	st := people()
	same := func(*Draft) error { return nil }
	named := func(login string) func(*Draft) error {
		return func(d *Draft) error { d.Login = login; return nil }
	}
	for name, c := range map[string]struct {
		id       string
		revision uint32
		edit     func(*Draft) error
		code     string
	}{
		"unknown":              {"nobody", 3, same, "NOT_FOUND"},
		"without revision":     {"user", 0, same, "REVISION_REQUIRED"},
		"stale":                {"user", 2, same, "REVISION_STALE"},
		"own name":             {"user", 3, named("user"), ""},
		"taken in the tenant":  {"user", 3, named("chief"), "LOGIN_TAKEN"},
		"taken somewhere else": {"user", 3, named("foreign"), "LOGIN_TAKEN"},
		"free":                 {"user", 3, named("free"), ""},
	} {
		got, err := st.change(c.id, c.revision, "", c.edit)
		if fault.CodeOf(err) != c.code {
			t.Errorf("%s: got %v, want %q", name, err, c.code)
		}
		if err == nil && (got.Revision != 4 || got.passwordHash != "old") {
			t.Errorf("%s: revision %d, password %q", name, got.Revision, got.passwordHash)
		}
	}
	if got, _ := st.change("user", 3, "new", same); got.passwordHash != "new" {
		t.Error("a new password is not taken over")
	}
	if _, err := st.create("id", Draft{Login: "foreign"}, "h", time.Now()); fault.CodeOf(err) != "LOGIN_TAKEN" {
		t.Errorf("create with a taken name: %v", err)
	}
}

func TestValuesThatWereNeverGivenOutHaveNoHash(t *testing.T) {
	t.Parallel()
	value := newSecret(tokenBytes)
	if len(value) != 80 || len(newSecret(loginBytes)) != 64 {
		t.Fatal("values have another length")
	}
	if _, ok := hashOf(value, tokenBytes); !ok {
		t.Error("our own value is refused")
	}
	for _, bad := range []string{
		"", value[1:], value + "0", strings.Repeat("A", 80), strings.Repeat("g", 80), newSecret(loginBytes),
	} {
		if _, ok := hashOf(bad, tokenBytes); ok {
			t.Errorf("%q is taken for a token", bad)
		}
	}
}
