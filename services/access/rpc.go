package access

import (
	"context"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	"github.com/kikigaki/kikigaki/services/internal/ids"
)

// CreateAccount adds an account; see the contract.
func (s *Service) CreateAccount(
	ctx context.Context, req *accessv1.CreateAccountRequest,
) (*accessv1.CreateAccountResponse, error) {
	caller, err := identity.RequireAdmin(ctx)
	if err != nil {
		return nil, err
	}
	d, password := draftOf(req.GetDraft()).normal(), req.GetDraft().GetPassword()
	hash, err := s.prepare(ctx, d, password)
	if err != nil {
		return nil, fault.Op("access.create", err)
	}
	var made Account
	id, now := ids.New("account"), time.Now().UTC()
	pos, err := s.commitAccounts(ctx, caller.Tenant, caller.Actor(), func(st state) (*fact, error) {
		var err error
		made, err = st.create(id, d, hash, now)
		return accountSaved(made), err
	})
	if err != nil {
		return nil, fault.Op("access.create", err)
	}
	return &accessv1.CreateAccountResponse{Account: made.shown(), Position: pos.Encode()}, nil
}

// prepare checks a draft and a password before any work is done for them, and hashes the password.
func (s *Service) prepare(ctx context.Context, d Draft, password string) (hash string, err error) {
	if err := d.check(); err != nil {
		return "", err
	}
	if err := checkPassword(password); err != nil {
		return "", err
	}
	return s.hasher.hash(ctx, password)
}

// UpdateAccount changes an account; see the contract. A new password also ends the account's logins: whoever it was
// changed against must not stay inside.
func (s *Service) UpdateAccount(
	ctx context.Context, req *accessv1.UpdateAccountRequest,
) (*accessv1.UpdateAccountResponse, error) {
	caller, err := identity.RequireAdmin(ctx)
	if err != nil {
		return nil, err
	}
	var hash string
	if req.Password != nil {
		if err := checkPassword(req.GetPassword()); err != nil {
			return nil, fault.Op("access.update", err)
		}
		if hash, err = s.hasher.hash(ctx, req.GetPassword()); err != nil {
			return nil, fault.Op("access.update", err)
		}
	}
	var changed Account
	pos, err := s.commitAccounts(ctx, caller.Tenant, caller.Actor(), func(st state) (*fact, error) {
		var err error
		changed, err = st.change(req.GetId(), req.GetRevision(), hash, func(d *Draft) error {
			edit(d, req)
			*d = d.normal()
			return d.check()
		})
		return accountSaved(changed), err
	})
	if err != nil {
		return nil, fault.Op("access.update", err)
	}
	if hash != "" {
		s.endAll(ctx, changed, false)
	}
	return &accessv1.UpdateAccountResponse{Account: changed.shown(), Position: pos.Encode()}, nil
}

// DeleteAccount removes an account, its tokens and its logins; see the contract. From the moment the account is gone
// they let nobody in; what then cannot be removed at once is left to the sweep.
func (s *Service) DeleteAccount(
	ctx context.Context, req *accessv1.DeleteAccountRequest,
) (*accessv1.DeleteAccountResponse, error) {
	caller, err := identity.RequireAdmin(ctx)
	if err != nil {
		return nil, err
	}
	var gone Account
	pos, err := s.commitAccounts(ctx, caller.Tenant, caller.Actor(), func(st state) (*fact, error) {
		var err error
		gone, err = st.remove(req.GetId(), req.GetRevision())
		return accountDeleted(gone), err
	})
	if err != nil {
		return nil, fault.Op("access.delete", err)
	}
	s.endAll(ctx, gone, true)
	return &accessv1.DeleteAccountResponse{Position: pos.Encode()}, nil
}
