package access

import (
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/services/internal/chars"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// Limits in characters.
const (
	maxLogin    = 255
	maxName     = 255
	minPassword = 8
	maxPassword = 256
)

// Draft is what a system_admin sets of an account, but for the password.
type Draft struct {
	Login, Name, Role, CallPermission, Locale, TimeZone string
	Suspended                                           bool
}

// foldLogin brings a login name into the one form in which it is stored and compared: NFC and lower case.
func foldLogin(login string) string {
	return norm.NFC.String(strings.ToLower(chars.Normal(login)))
}

// normal brings a draft into the form that is stored and compared.
func (d Draft) normal() Draft {
	d.Login, d.Name = foldLogin(d.Login), chars.Normal(d.Name)
	return d
}

// check applies the rules that need only the draft. The fault names the field.
func (d Draft) check() error {
	checks := []error{
		checkLogin(d.Login),
		chars.OneLine("name", d.Name, 1, maxName),
		chars.OneOf("role", d.Role, identity.RoleSystemAdmin, identity.RoleSupervisor, identity.RoleUser),
		chars.OneOf("callPermission", d.CallPermission, identity.PermissionView, identity.PermissionEdit),
		chars.OneOf("locale", d.Locale, "", "ja", "en", "pt-BR"),
		checkTimeZone(d.TimeZone),
	}
	for _, err := range checks {
		if err != nil {
			return err
		}
	}
	return nil
}

// checkLogin refuses what cannot be seen: two login names that look the same must be the same.
func checkLogin(login string) error {
	if err := chars.OneLine("login", login, 1, maxLogin); err != nil {
		return err
	}
	hidden := func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) }
	if strings.ContainsFunc(login, hidden) {
		return fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field("login"),
			fault.Param("reason", "white_space_or_invisible"))
	}
	return nil
}

// checkTimeZone takes the IANA names that this machine knows; "Local" would mean another zone on every machine.
func checkTimeZone(name string) error {
	if _, err := time.LoadLocation(name); err != nil || name == "Local" {
		return fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field("timeZone"),
			fault.Param("reason", "unknown_time_zone"))
	}
	return nil
}

// checkPassword wants 8 to 256 characters.
func checkPassword(password string) error {
	return chars.Limit("password", password, minPassword, maxPassword)
}
