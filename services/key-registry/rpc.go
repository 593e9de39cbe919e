package keys

import (
	"context"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	"github.com/kikigaki/kikigaki/services/internal/ids"
)

// secretVersion of a key's first secret; a changed secret counts on.
const secretVersion = 1

// worker is the one service that gets secrets.
const worker = "analysis-worker"

// CreateKey verifies a key and saves it; see the contract.
func (s *Service) CreateKey(ctx context.Context, req *keyv1.CreateKeyRequest) (*keyv1.CreateKeyResponse, error) {
	caller, err := identity.RequireAdmin(ctx)
	if err != nil {
		return nil, err
	}
	k, pos, err := s.create(ctx, caller, draftOf(req.GetDraft()), req.GetSaveUnverified())
	if err != nil {
		return nil, fault.Op("keys.create", err)
	}
	return &keyv1.CreateKeyResponse{Key: s.shown(k), Position: pos.Encode()}, nil
}

func (s *Service) create(
	ctx context.Context, c identity.Caller, d Draft, unverified bool,
) (*eventv1.KeySaved, stream.Position, error) {
	d, err := d.normal(s.defaults())
	if err == nil {
		err = d.check()
	}
	if err != nil {
		return nil, nil, err
	}
	if err := s.nameFree(ctx, c.Tenant, "", d); err != nil {
		return nil, nil, err // before the provider is asked, which takes seconds
	}
	told, err := s.prove(ctx, d, unverified)
	if err != nil {
		return nil, nil, err
	}
	k, err := s.sealed(c.Tenant, ids.New("key"), d, told)
	if err != nil {
		return nil, nil, err
	}
	pos, err := s.commit(ctx, c, func(_ *view.Tx, all []*eventv1.KeySaved) (fact, error) {
		return savedFact(k), nameFree(all, "", d)
	})
	return k, pos, err
}

func (s *Service) nameFree(ctx context.Context, tenant, id string, d Draft) error {
	if err := s.follower.Newest(ctx, guard(tenant)); err != nil {
		return err
	}
	return s.follower.Read(func(tx *view.Tx) error {
		all, err := readKeys(tx, tenant)
		if err != nil {
			return err
		}
		return nameFree(all, id, d)
	})
}

// DeleteKey removes a key that no prompt uses; see the contract.
func (s *Service) DeleteKey(ctx context.Context, req *keyv1.DeleteKeyRequest) (*keyv1.DeleteKeyResponse, error) {
	caller, err := identity.RequireAdmin(ctx)
	if err != nil {
		return nil, err
	}
	// Prompts are another guard: one saved in this very moment is not noticed, and will show as broken.
	prompts := stream.NewGuard(subject.Prompts, subject.PromptGuard(caller.Tenant))
	if err := s.follower.Newest(ctx, prompts); err != nil {
		return nil, err
	}
	pos, err := s.commit(ctx, caller, func(tx *view.Tx, all []*eventv1.KeySaved) (fact, error) {
		k, err := find(all, req.GetId())
		if err != nil {
			return fact{}, err
		}
		names, err := users(tx, caller.Tenant, k.GetId())
		if err != nil {
			return fact{}, err
		}
		return deletedFact(k), removable(k, req.GetRevision(), names)
	})
	if err != nil {
		return nil, fault.Op("keys.delete", err)
	}
	return &keyv1.DeleteKeyResponse{Position: pos.Encode()}, nil
}

// ReleaseSecret opens a secret for the analysis-worker alone; see the contract.
func (s *Service) ReleaseSecret(
	ctx context.Context, req *keyv1.ReleaseSecretRequest,
) (*keyv1.ReleaseSecretResponse, error) {
	caller, err := identity.RequireService(ctx, worker)
	if err != nil {
		return nil, err
	}
	if err := s.follower.Newest(ctx, guard(caller.Tenant)); err != nil {
		return nil, err // a key that was deleted a moment ago must not be used any more
	}
	k, err := s.get(caller.Tenant, req.GetId())
	if err != nil {
		return nil, err
	}
	secret, err := s.open(caller.Tenant, k)
	if err != nil {
		return nil, fault.Op("keys.release", err)
	}
	return &keyv1.ReleaseSecretResponse{
		Secret: secret, BaseUrl: k.GetBaseUrl(), Key: s.shown(k), SecretVersion: k.GetSecretVersion(),
	}, nil
}
