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
	return &keyv1.GetKeyResponse{Key: s.shown(k), Position: pos.Encode()}, nil
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
			out.Keys = append(out.Keys, s.shown(k))
		}
		return err
	})
	return out, err
}

func draftOf(d *keyv1.KeyDraft) Draft {
	return Draft{
		Kind: d.GetKind(), Name: d.GetName(), Secret: d.GetSecret(), OrganizationID: d.GetOrganizationId(),
		ProjectID: d.GetProjectId(), BaseURL: d.GetBaseUrl(), Model: d.GetModel(),
		Deployment: d.GetDeployment(), APIVersion: d.GetApiVersion(),
		MaxOutputTokens: d.GetMaxOutputTokens(), Memo: d.GetMemo(),
	}
}
