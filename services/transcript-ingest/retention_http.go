package ingest

import (
	"net/http"

	"github.com/kikigaki/kikigaki/pkg/fault"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/services/internal/edge"
)

// retentionJSON is how long a tenant keeps finished calls, in days; 0 for ever.
type retentionJSON struct {
	Revision uint32 `json:"revision"`
	Days     uint32 `json:"days"`
}

func retentionJSONOf(r *transcriptv1.Retention) retentionJSON {
	return retentionJSON{Revision: r.GetRevision(), Days: r.GetDays()}
}

func (s *Service) getRetention(w http.ResponseWriter, r *http.Request) error {
	res, err := s.GetRetention(r.Context(), &transcriptv1.GetRetentionRequest{})
	if err != nil {
		return err
	}
	return edge.Encode(w, http.StatusOK, retentionJSONOf(res.GetRetention()))
}

func (s *Service) patchRetention(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Revision *uint32 `json:"revision"`
		Days     *uint32 `json:"days"`
	}
	if err := edge.Decode(w, r, edge.MaxBody, &body); err != nil {
		return err
	}
	switch {
	case body.Revision == nil:
		return fault.New(fault.Invalid, "REVISION_REQUIRED", fault.Field("revision"))
	case body.Days == nil:
		return fault.New(fault.Unprocessable, "FIELD_REQUIRED", fault.Field("days"))
	}
	res, err := s.UpdateRetention(r.Context(), &transcriptv1.UpdateRetentionRequest{Revision: *body.Revision, Days: *body.Days})
	if err != nil {
		return err
	}
	return edge.Encode(w, http.StatusOK, retentionJSONOf(res.GetRetention()))
}
