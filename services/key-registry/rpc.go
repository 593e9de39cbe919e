package keys

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	"github.com/kikigaki/kikigaki/services/internal/ids"
	"github.com/kikigaki/kikigaki/services/internal/seal"
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
	k, pos, err := s.create(ctx, caller, draftOf(req.GetDraft()))
	if err != nil {
		return nil, fault.Op("keys.create", err)
	}
	return &keyv1.CreateKeyResponse{Key: shown(k), Position: pos.Encode()}, nil
}

func (s *Service) create(ctx context.Context, c identity.Caller, d Draft) (*eventv1.KeySaved, stream.Position, error) {
	d, err := d.normal(s.cfg.DefaultBaseURL)
	if err == nil {
		err = d.check()
	}
	if err != nil {
		return nil, nil, err
	}
	if err := s.nameFree(ctx, c.Tenant, d); err != nil {
		return nil, nil, err // before the provider is asked, which takes seconds
	}
	told, err := s.verify(ctx, d)
	if err != nil {
		return nil, nil, err
	}
	k, err := s.sealed(c.Tenant, ids.New("key"), d, told)
	if err != nil {
		return nil, nil, err
	}
	pos, err := s.commit(ctx, c, func(_ *view.Tx, all []*eventv1.KeySaved) (fact, error) {
		return savedFact(k), nameFree(all, d)
	})
	return k, pos, err
}

func (s *Service) nameFree(ctx context.Context, tenant string, d Draft) error {
	if err := s.follower.Newest(ctx, guard(tenant)); err != nil {
		return err
	}
	return s.follower.Read(func(tx *view.Tx) error {
		all, err := readKeys(tx, tenant)
		if err != nil {
			return err
		}
		return nameFree(all, d)
	})
}

// sealed makes a key of a draft; from here on the secret is nowhere in the clear.
func (s *Service) sealed(tenant, id string, d Draft, told learned) (*eventv1.KeySaved, error) {
	secret, err := s.sealer.Seal([]byte(d.Secret), seal.Binding{
		Tenant: tenant, Key: id, Version: secretVersion, Host: hostOf(d.BaseURL),
	})
	if err != nil {
		return nil, err
	}
	k := &eventv1.KeySaved{
		Id: id, Revision: 1, Kind: d.Kind, Name: d.Name, SealedSecret: secret, SecretVersion: secretVersion,
		SecretHint: hint(d.Secret), OrganizationId: d.OrganizationID, ProjectId: d.ProjectID, BaseUrl: d.BaseURL,
		Model: d.Model, MaxOutputTokens: d.MaxOutputTokens, Memo: d.Memo, Lane: lane(tenant, id, d, told),
		Limits: told.limits, VerifiedAt: timestamppb.New(time.Now()),
	}
	if !told.shutdown.IsZero() {
		k.ShutdownDate = timestamppb.New(told.shutdown)
	}
	return k, nil
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
	secret, err := s.sealer.Open(k.GetSealedSecret(), seal.Binding{
		Tenant: caller.Tenant, Key: k.GetId(), Version: k.GetSecretVersion(), Host: hostOf(k.GetBaseUrl()),
	})
	if err != nil {
		return nil, fault.Op("keys.release", err)
	}
	return &keyv1.ReleaseSecretResponse{Secret: string(secret), BaseUrl: k.GetBaseUrl(), Key: shown(k)}, nil
}
