package access

import (
	"context"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/view"
	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// ResolveCredential turns a cookie's value or an API token into a statement; see the contract.
func (s *Service) ResolveCredential(
	ctx context.Context, req *accessv1.ResolveCredentialRequest,
) (*accessv1.ResolveCredentialResponse, error) {
	if _, err := identity.RequireService(ctx); err != nil {
		return nil, err
	}
	noun, value := subject.NounLogin, req.GetLoginValue()
	if req.GetTokenValue() != "" {
		noun, value = subject.NounToken, req.GetTokenValue()
	}
	c, err := s.find(ctx, noun, value)
	if err != nil {
		return nil, fault.Op("access.resolve", err)
	}
	a, err := s.holder(c)
	if err != nil {
		return nil, fault.Op("access.resolve", err)
	}
	statement, err := s.signer.Sign(a.caller(), time.Now())
	if err != nil {
		return nil, fault.Op("access.resolve", err)
	}
	return &accessv1.ResolveCredentialResponse{
		Statement: statement, Tenant: a.Tenant, Account: a.shown(), CredentialId: c.id,
	}, nil
}

// find looks a value up. One that the view does not know may have been made by another replica a moment ago, so the
// leader is asked before it is turned away.
func (s *Service) find(ctx context.Context, noun, value string) (credential, error) {
	length := loginBytes
	if noun == subject.NounToken {
		length = tokenBytes
	}
	hash, ok := hashOf(value, length)
	if !ok {
		return credential{}, unauthenticated()
	}
	c, found, err := s.lookup(noun, hash)
	if err != nil || found {
		return c, err
	}
	if err := s.newest[noun].wait(ctx); err != nil {
		return credential{}, err
	}
	c, found, err = s.lookup(noun, hash)
	if err == nil && !found {
		err = unauthenticated()
	}
	return c, err
}

func (s *Service) lookup(noun string, hash []byte) (c credential, found bool, err error) {
	err = s.follower.Read(func(tx *view.Tx) error {
		c, found, err = credentialByHash(tx, noun, hash)
		return err
	})
	return c, found, err
}

// holder is the account of a credential, if its time is not over and the account may come in.
func (s *Service) holder(c credential) (a Account, err error) {
	var found bool
	err = s.follower.Read(func(tx *view.Tx) error {
		a, found, err = readAccount(tx, c.tenant, c.account)
		return err
	})
	if err != nil {
		return Account{}, err
	}
	if !found || a.Suspended || c.over(time.Now()) {
		return Account{}, unauthenticated()
	}
	return a, nil
}
