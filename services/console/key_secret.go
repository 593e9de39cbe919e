package console

import (
	"net/http"

	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/services/internal/edge"
)

// rotateSecret puts another secret in the place of a key's.
func (s *Service) rotateSecret(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Secret   string `json:"secret"`
		Revision uint32 `json:"revision"`
	}
	if err := edge.Decode(w, r, edge.MaxBody, &b); err != nil {
		return err
	}
	res, err := s.Keys.RotateSecret(r.Context(), &keyv1.RotateSecretRequest{
		Id: r.PathValue("key"), Revision: b.Revision, Secret: b.Secret,
	})
	if err != nil {
		return err
	}
	return found(w, res.GetPosition(), s.keysFor(r)(res.GetKey()))
}
