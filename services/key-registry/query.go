package keys

import (
	"context"

	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// GetKey returns one key; see the contract.
func (s *Service) GetKey(ctx context.Context, req *keyv1.GetKeyRequest) (*keyv1.GetKeyResponse, error) {
	caller, err := identity.RequireAdmin(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.follower.WaitPosition(ctx, req.GetMinPosition()); err != nil {
		return nil, err
	}
	pos := s.follower.Position()
	k, err := s.get(caller.Tenant, req.GetId())
	if err != nil {
		return nil, err
	}
	return &keyv1.GetKeyResponse{Key: shown(k), Position: pos.Encode()}, nil
}

func (s *Service) get(tenant, id string) (k *eventv1.KeySaved, err error) {
	err = s.follower.Read(func(tx *view.Tx) error {
		all, err := readKeys(tx, tenant)
		if err != nil {
			return err
		}
		k, err = find(all, id)
		return err
	})
	return k, err
}

// ListKeys returns all keys of the tenant; see the contract.
func (s *Service) ListKeys(ctx context.Context, req *keyv1.ListKeysRequest) (*keyv1.ListKeysResponse, error) {
	caller, err := identity.RequireAdmin(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.follower.WaitPosition(ctx, req.GetMinPosition()); err != nil {
		return nil, err
	}
	out := &keyv1.ListKeysResponse{Position: s.follower.Position().Encode()}
	err = s.follower.Read(func(tx *view.Tx) error {
		all, err := readKeys(tx, caller.Tenant)
		for _, k := range all {
			out.Keys = append(out.Keys, shown(k))
		}
		return err
	})
	return out, err
}

// shown is a key without its secret.
func shown(k *eventv1.KeySaved) *keyv1.Key {
	return &keyv1.Key{
		Id: k.GetId(), Kind: k.GetKind(), Name: k.GetName(), SecretHint: k.GetSecretHint(),
		OrganizationId: k.GetOrganizationId(), ProjectId: k.GetProjectId(), BaseUrl: k.GetBaseUrl(), Model: k.GetModel(),
		MaxOutputTokens: k.GetMaxOutputTokens(), Memo: k.GetMemo(), Limits: k.GetLimits(), VerifiedAt: k.GetVerifiedAt(),
		ShutdownDate: k.GetShutdownDate(), Revision: k.GetRevision(), Lane: k.GetLane(),
	}
}

func draftOf(d *keyv1.KeyDraft) Draft {
	return Draft{
		Kind: d.GetKind(), Name: d.GetName(), Secret: d.GetSecret(), OrganizationID: d.GetOrganizationId(),
		ProjectID: d.GetProjectId(), BaseURL: d.GetBaseUrl(), Model: d.GetModel(),
		MaxOutputTokens: d.GetMaxOutputTokens(), Memo: d.GetMemo(),
	}
}
