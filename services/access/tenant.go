package access

import (
	"cmp"
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/view"
	"github.com/kikigaki/kikigaki/services/internal/chars"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	"github.com/kikigaki/kikigaki/services/internal/ids"
)

const (
	// maxTenant is the longest name of a tenant, in characters.
	maxTenant = 64
	// firstLogin is the login name of a tenant's first system_admin when none is given.
	firstLogin = "admin"
)

// Bootstrap creates the first system_admin of a tenant that has no account, as login "admin" when none is given and
// with a password made up when none is given. It returns the password when it created the account: there is no other
// way to learn a made-up one. Of any number of replicas that start at once, one creates it. LOGIN_TAKEN when another
// tenant has the login name.
func (s *Service) Bootstrap(ctx context.Context, tenant, login, password string) (bool, string, error) {
	if password == "" {
		password = rand.Text()
	}
	created, err := s.first(ctx, tenant, cmp.Or(login, firstLogin), password)
	if err != nil || !created {
		return false, "", fault.Op("access.bootstrap", err)
	}
	return true, password, nil
}

// AddTenant makes a tenant with its first system_admin. Its name is 1 to 64 of a-z, 0-9 and "-"; TENANT_EXISTS when
// there is one of that name, LOGIN_TAKEN when any tenant has the login name.
func (s *Service) AddTenant(ctx context.Context, name, login, password string) error {
	created, err := s.first(ctx, name, login, password)
	if err == nil && !created {
		err = fault.New(fault.Conflict, "TENANT_EXISTS", fault.Field("tenant"), fault.Param("tenant", name))
	}
	return fault.Op("access.addTenant", err)
}

// first creates the first account of a tenant; false when the tenant has one.
func (s *Service) first(ctx context.Context, tenant, login, password string) (created bool, err error) {
	d := Draft{Login: login, Name: login, Role: identity.RoleSystemAdmin, CallPermission: identity.PermissionEdit}.normal()
	if err := checkTenant(tenant); err != nil {
		return false, err
	}
	if err := s.caughtUp(ctx); err != nil {
		return false, err
	}
	if has, err := s.hasAccounts(tenant); has || err != nil {
		return false, err // without the work of hashing, at every start but the first
	}
	hash, err := s.prepare(ctx, d, password)
	if err != nil {
		return false, err
	}
	id, now := ids.New("account"), time.Now().UTC()
	_, err = s.commitAccounts(ctx, tenant, nil, func(st state) (*fact, error) {
		if created = len(st.accounts) == 0; !created {
			return nil, nil //nolint:nilnil // nothing to write and nothing wrong: another replica was first
		}
		a, err := st.create(id, d, hash, now)
		return accountSaved(a), err
	})
	return created && err == nil, err
}

func (s *Service) hasAccounts(tenant string) (has bool, err error) {
	err = s.follower.Read(func(tx *view.Tx) error {
		st, err := readState(tx, tenant)
		has = len(st.accounts) > 0
		return err
	})
	return has, err
}

// checkTenant keeps the names of tenants to what can be typed anywhere.
func checkTenant(name string) error {
	if err := chars.OneLine("tenant", name, 1, maxTenant); err != nil {
		return err
	}
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field("tenant"),
			fault.Param("allowed", "a-z, 0-9, -"))
	}
	return nil
}
