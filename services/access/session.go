package access

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/view"
	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	"github.com/kikigaki/kikigaki/services/internal/ids"
)

// StartLogin checks a password and starts a login; see the contract.
func (s *Service) StartLogin(
	ctx context.Context, req *accessv1.StartLoginRequest,
) (*accessv1.StartLoginResponse, error) {
	if _, err := identity.RequireService(ctx); err != nil {
		return nil, err
	}
	login := foldLogin(req.GetLogin())
	if checkLogin(login) != nil || checkPassword(req.GetPassword()) != nil {
		return nil, unauthenticated() // no account has these: nothing is given away by answering at once
	}
	takeBack, err := s.throttle.begin(login)
	if err != nil {
		return nil, fault.Op("access.startLogin", err)
	}
	a, err := s.authenticate(ctx, login, req.GetPassword())
	if err == nil || fault.KindOf(err) != fault.Unauthenticated {
		takeBack()
	}
	if err != nil {
		return nil, fault.Op("access.startLogin", err)
	}
	return s.startLogin(ctx, a)
}

// authenticate finds the account that has a login name and a password. Whatever is wrong, the answer and the time it
// takes are the same.
func (s *Service) authenticate(ctx context.Context, login, password string) (Account, error) {
	if err := s.newest[subject.NounAccount].wait(ctx); err != nil { // the account may be a moment old
		return Account{}, err
	}
	var a Account
	var found bool
	err := s.follower.Read(func(tx *view.Tx) (err error) {
		a, found, err = accountByLogin(tx, login)
		return err
	})
	if err != nil {
		return Account{}, err
	}
	hash := s.hasher.nobody
	if found {
		hash = a.passwordHash
	}
	ok, err := s.hasher.verify(ctx, hash, password)
	if err != nil {
		return Account{}, err
	}
	if !ok || !found || a.Suspended {
		return Account{}, unauthenticated()
	}
	return a, nil
}

func (s *Service) startLogin(ctx context.Context, a Account) (*accessv1.StartLoginResponse, error) {
	value, expires := newSecret(loginBytes), time.Now().UTC().Add(loginLife)
	hash, _ := hashOf(value, loginBytes)
	started := loginStarted(a.Tenant, ids.New("login"), a.ID, hash, expires)
	_, err := s.commit(ctx, started.guard(), a.caller().Actor(), func(tx *view.Tx) (*fact, error) {
		now, ok, err := readAccount(tx, a.Tenant, a.ID)
		if err != nil {
			return nil, err
		}
		if !ok || now.Suspended || now.passwordHash != a.passwordHash {
			return nil, unauthenticated() // changed while the password was being checked
		}
		return started, nil
	})
	if err != nil {
		return nil, fault.Op("access.startLogin", err)
	}
	return &accessv1.StartLoginResponse{
		Value: value, ExpiresAt: timestamppb.New(expires), Tenant: a.Tenant, Account: a.shown(),
	}, nil
}

// EndLogin closes a login; see the contract. One that is not there is closed already.
func (s *Service) EndLogin(ctx context.Context, req *accessv1.EndLoginRequest) (*accessv1.EndLoginResponse, error) {
	if _, err := identity.RequireService(ctx); err != nil {
		return nil, err
	}
	c, err := s.find(ctx, subject.NounLogin, req.GetValue())
	if fault.KindOf(err) == fault.Unauthenticated {
		return &accessv1.EndLoginResponse{}, nil
	}
	if err != nil {
		return nil, fault.Op("access.endLogin", err)
	}
	if err := s.end(ctx, c); err != nil {
		return nil, fault.Op("access.endLogin", err)
	}
	return &accessv1.EndLoginResponse{}, nil
}
