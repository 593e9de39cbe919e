package ingest

import (
	"net/http"

	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/services/internal/edge"
)

// deleteCall erases a call. The answer is the same when it was erased before.
func (s *Service) deleteCall(w http.ResponseWriter, r *http.Request) error {
	res, err := s.EraseCall(r.Context(), &transcriptv1.EraseCallRequest{CallId: r.PathValue("call")})
	if err != nil {
		return err
	}
	edge.SetPosition(w, res.GetPosition())
	w.WriteHeader(http.StatusNoContent)
	return nil
}
