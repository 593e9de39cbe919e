package access

import (
	"cmp"
	"context"
	"slices"

	"github.com/kikigaki/kikigaki/pkg/view"
	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// GetAccount returns one account; see the contract.
func (s *Service) GetAccount(
	ctx context.Context, req *accessv1.GetAccountRequest,
) (*accessv1.GetAccountResponse, error) {
	caller, err := identity.From(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.follower.WaitPosition(ctx, req.GetMinPosition()); err != nil {
		return nil, err
	}
	pos := s.follower.Position()
	a, found, err := s.account(caller.Tenant, req)
	if err != nil {
		return nil, err
	}
	// Who may not see other accounts may not learn either whether there is one.
	self := found && caller.AccountID != "" && a.ID == caller.AccountID
	if !self && !mayManage(caller) {
		return nil, forbidden()
	}
	if !found {
		return nil, notFound("account", cmp.Or(req.GetId(), req.GetLogin()))
	}
	return &accessv1.GetAccountResponse{Account: a.shown(), Position: pos.Encode()}, nil
}

// account finds an account of a tenant by its id or its login name.
func (s *Service) account(tenant string, req *accessv1.GetAccountRequest) (a Account, found bool, err error) {
	err = s.follower.Read(func(tx *view.Tx) error {
		if req.GetId() != "" {
			a, found, err = readAccount(tx, tenant, req.GetId())
			return err
		}
		a, found, err = accountByLogin(tx, foldLogin(req.GetLogin()))
		found = found && a.Tenant == tenant // the name may be somebody else's
		return err
	})
	return a, found, err
}

// ListAccounts returns the accounts of the tenant by login name; see the contract.
func (s *Service) ListAccounts(
	ctx context.Context, req *accessv1.ListAccountsRequest,
) (*accessv1.ListAccountsResponse, error) {
	caller, err := identity.From(ctx)
	if err != nil {
		return nil, err
	}
	if !mayManage(caller) {
		return nil, forbidden()
	}
	if err := s.follower.WaitPosition(ctx, req.GetMinPosition()); err != nil {
		return nil, err
	}
	out := &accessv1.ListAccountsResponse{Position: s.follower.Position().Encode()}
	err = s.follower.Read(func(tx *view.Tx) error {
		st, err := readState(tx, caller.Tenant)
		for _, a := range st.accounts {
			out.Accounts = append(out.Accounts, a.shown())
		}
		return err
	})
	slices.SortFunc(out.GetAccounts(), func(a, b *accessv1.Account) int { return cmp.Compare(a.GetLogin(), b.GetLogin()) })
	return out, err
}

// mayManage lets through who may see all accounts of the tenant.
func mayManage(c identity.Caller) bool { return c.Role == identity.RoleSystemAdmin || c.IsService() }
