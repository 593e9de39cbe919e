package access

import (
	"strconv"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// Account is an account at a revision.
type Account struct {
	Draft

	Tenant, ID string
	Revision   uint32
	CreatedAt  time.Time

	passwordHash string
}

// state is what a decision about a tenant's accounts depends on.
type state struct {
	tenant   string
	accounts []Account // of the tenant
	// owner names the account, of whatever tenant, that has a login name; "" for nobody.
	owner func(login string) string
}

// create adds an account; LOGIN_TAKEN when any tenant has the login name.
func (st state) create(id string, d Draft, passwordHash string, now time.Time) (Account, error) {
	if err := st.loginFree(id, d.Login); err != nil {
		return Account{}, err
	}
	return Account{
		Draft: d, Tenant: st.tenant, ID: id, Revision: 1, CreatedAt: now, passwordHash: passwordHash,
	}, nil
}

// change replaces an account's draft, and its password when a hash is given. REVISION_STALE when it is not at the
// revision that the change is based on, LAST_ADMIN when nobody could administer the tenant any more.
func (st state) change(id string, revision uint32, passwordHash string, edit func(*Draft) error) (Account, error) {
	a, err := st.find(id)
	if err != nil {
		return Account{}, err
	}
	if revision == 0 {
		return Account{}, fault.New(fault.Invalid, "REVISION_REQUIRED", fault.Field("revision"))
	}
	if revision != a.Revision {
		return Account{}, stale(a.Revision)
	}
	next := a
	if err := edit(&next.Draft); err != nil {
		return Account{}, err
	}
	if err := st.loginFree(id, next.Login); err != nil {
		return Account{}, err
	}
	if a.administers() && !next.administers() && !st.otherAdmin(id) {
		return Account{}, lastAdmin()
	}
	next.Revision++
	if passwordHash != "" {
		next.passwordHash = passwordHash
	}
	return next, nil
}

// remove checks that an account may go; revision 0 takes it at any.
func (st state) remove(id string, revision uint32) (Account, error) {
	a, err := st.find(id)
	if err != nil {
		return Account{}, err
	}
	if revision != 0 && revision != a.Revision {
		return Account{}, stale(a.Revision)
	}
	if a.administers() && !st.otherAdmin(id) {
		return Account{}, lastAdmin()
	}
	return a, nil
}

func (st state) find(id string) (Account, error) {
	for _, a := range st.accounts {
		if a.ID == id {
			return a, nil
		}
	}
	return Account{}, notFound("account", id)
}

func (st state) loginFree(id, login string) error {
	if owner := st.owner(login); owner != "" && owner != id {
		return fault.New(fault.Unprocessable, "LOGIN_TAKEN", fault.Field("login"), fault.Param("login", login))
	}
	return nil
}

// administers tells whether an account can log in and do everything.
func (a Account) administers() bool { return a.Role == identity.RoleSystemAdmin && !a.Suspended }

// otherAdmin tells whether somebody else administers the tenant.
func (st state) otherAdmin(id string) bool {
	for _, a := range st.accounts {
		if a.ID != id && a.administers() {
			return true
		}
	}
	return false
}

func lastAdmin() error { return fault.New(fault.Conflict, "LAST_ADMIN") }

func notFound(noun, id string) error {
	return fault.New(fault.NotFound, "NOT_FOUND", fault.Param(noun, id))
}

func stale(now uint32) error {
	return fault.New(fault.Conflict, "REVISION_STALE", fault.Field("revision"),
		fault.Param("revision", strconv.FormatUint(uint64(now), 10)))
}
