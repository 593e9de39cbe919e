package keys

import (
	"context"

	"github.com/kikigaki/kikigaki/pkg/fault"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// RotateSecret puts another secret in the place of a key's; see the contract. It is sealed under the key's next version, so
// that what was sealed before does not open in its place any more.
func (s *Service) RotateSecret(ctx context.Context, req *keyv1.RotateSecretRequest) (*keyv1.RotateSecretResponse, error) {
	caller, err := identity.RequireAdmin(ctx)
	if err != nil {
		return nil, err
	}
	secret := req.GetSecret()
	k, pos, err := s.update(ctx, caller, &keyv1.UpdateKeyRequest{
		Id: req.GetId(), Revision: req.GetRevision(), Secret: &secret,
	})
	if err != nil {
		return nil, fault.Op("keys.rotate", err)
	}
	return &keyv1.RotateSecretResponse{Key: s.shown(k), Position: pos.Encode()}, nil
}
