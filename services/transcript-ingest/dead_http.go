package ingest

import (
	"net/http"
	"strconv"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/services/internal/edge"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// getDeadLetters lists what was given up on, newest first and without what came. With ?id= it is that one alone, with
// headers and data. System administrators only.
func (s *Service) getDeadLetters(w http.ResponseWriter, r *http.Request) error {
	caller, err := identity.RequireAdmin(r.Context())
	if err != nil {
		return err
	}
	if err := s.dead.WaitPosition(r.Context(), edge.Position(r)); err != nil {
		return err
	}
	edge.SetPosition(w, s.dead.Position().Encode())
	if id := r.URL.Query().Get("id"); id != "" {
		l, _, err := s.letter(r.Context(), caller.Tenant, id)
		if err != nil {
			return err
		}
		return edge.Encode(w, http.StatusOK, map[string]any{"deadLetters": []letter{l}, "nextPageToken": ""})
	}
	size, token, err := edge.Page(r)
	if err != nil {
		return err
	}
	var before uint64
	if token != "" {
		if before, err = strconv.ParseUint(token, 10, 64); err != nil {
			return fault.New(fault.Invalid, "FIELD_INVALID", fault.Field("pageToken"))
		}
	}
	list, next, err := s.letters(caller.Tenant, before, int(size))
	if err != nil {
		return err
	}
	if list == nil {
		list = []letter{}
	}
	token = ""
	if next > 0 {
		token = strconv.FormatUint(next, 10)
	}
	return edge.Encode(w, http.StatusOK, map[string]any{"deadLetters": list, "nextPageToken": token})
}

// postRedrive takes a dead letter again, the way it came. System administrators only.
func (s *Service) postRedrive(w http.ResponseWriter, r *http.Request) error {
	caller, err := identity.RequireAdmin(r.Context())
	if err != nil {
		return err
	}
	got, err := s.redrive(r.Context(), caller, r.PathValue("id"))
	if err != nil {
		return fault.Op("ingest.redrive", err)
	}
	out := &eventCount{out: eventsJSON{Refused: []refusedEvent{}}}
	out.add(0, "", got)
	edge.SetPosition(w, s.including(got.pos))
	return edge.Encode(w, http.StatusOK, out.out)
}
