package access

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/view"
	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/chars"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	"github.com/kikigaki/kikigaki/services/internal/ids"
)

// CreateToken makes an API token of the caller's account; see the contract.
func (s *Service) CreateToken(
	ctx context.Context, req *accessv1.CreateTokenRequest,
) (*accessv1.CreateTokenResponse, error) {
	caller, err := requireAccount(ctx)
	if err != nil {
		return nil, err
	}
	name := chars.Normal(req.GetName())
	if err := checkTokenName(name); err != nil {
		return nil, fault.Op("access.createToken", err)
	}
	if err := s.upTo(ctx, subject.NounToken); err != nil { // those of other replicas count too
		return nil, fault.Op("access.createToken", err)
	}
	id, value, now := ids.New("token"), newSecret(tokenBytes), time.Now().UTC()
	var made Token
	g := tokenDeleted(caller.Tenant, id).guard()
	pos, err := s.commit(ctx, g, caller.Actor(), func(tx *view.Tx) (*fact, error) {
		own, err := tokensOf(tx, caller)
		if err != nil {
			return nil, err
		}
		made, err = createToken(len(own), id, caller.AccountID, name, value, now)
		return tokenSaved(caller.Tenant, made), err
	})
	if err != nil {
		return nil, fault.Op("access.createToken", err)
	}
	return &accessv1.CreateTokenResponse{Token: made.shown(), Value: value, Position: pos.Encode()}, nil
}

// requireAccount lets through callers that are an account: only they have tokens.
func requireAccount(ctx context.Context) (identity.Caller, error) {
	caller, err := identity.From(ctx)
	if err == nil && caller.AccountID == "" {
		err = forbidden()
	}
	return caller, err
}

func tokensOf(tx *view.Tx, c identity.Caller) (own []Token, err error) {
	_, exists, err := readAccount(tx, c.Tenant, c.AccountID)
	if err == nil && !exists {
		err = unauthenticated() // deleted while its statement is still good
	}
	if err != nil {
		return nil, err
	}
	err = eachToken(tx, c.Tenant, func(_ string, t Token) {
		if t.Account == c.AccountID {
			own = append(own, t)
		}
	})
	return own, err
}

// ListTokens returns the caller's own tokens, oldest first; see the contract.
func (s *Service) ListTokens(
	ctx context.Context, req *accessv1.ListTokensRequest,
) (*accessv1.ListTokensResponse, error) {
	caller, err := requireAccount(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.follower.WaitPosition(ctx, req.GetMinPosition()); err != nil {
		return nil, err
	}
	out := &accessv1.ListTokensResponse{Position: s.follower.Position().Encode()}
	err = s.follower.Read(func(tx *view.Tx) error {
		own, err := tokensOf(tx, caller)
		slices.SortFunc(own, func(a, b Token) int {
			return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
		})
		for _, t := range own {
			out.Tokens = append(out.Tokens, t.shown())
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeleteToken revokes a token; see the contract. Somebody else's is not found, but by a system_admin of the tenant.
func (s *Service) DeleteToken(
	ctx context.Context, req *accessv1.DeleteTokenRequest,
) (*accessv1.DeleteTokenResponse, error) {
	caller, err := requireAccount(ctx)
	if err != nil {
		return nil, err
	}
	revoked := tokenDeleted(caller.Tenant, req.GetId())
	pos, err := s.commit(ctx, revoked.guard(), caller.Actor(), func(tx *view.Tx) (*fact, error) {
		t, ok, err := readToken(tx, caller.Tenant, req.GetId())
		if err != nil {
			return nil, err
		}
		if !ok || (t.Account != caller.AccountID && caller.Role != identity.RoleSystemAdmin) {
			return nil, notFound("token", req.GetId())
		}
		return revoked, nil
	})
	if err != nil {
		return nil, fault.Op("access.deleteToken", err)
	}
	return &accessv1.DeleteTokenResponse{Position: pos.Encode()}, nil
}
