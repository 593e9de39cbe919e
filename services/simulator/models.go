package simulator

import (
	"crypto/rand"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

func (s *Server) listModels(w http.ResponseWriter, r *http.Request) {
	k, no := s.admit(r)
	if no != nil {
		s.refuse(w, r, Entry{At: time.Now(), Endpoint: endpointModels}, no)
		return
	}
	list := []any{}
	for _, id := range slices.Sorted(maps.Keys(s.models)) {
		if m, no := s.model(k, id); no == nil {
			list = append(list, s.described(m))
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{"object": "list", "data": list})
}

func (s *Server) getModel(w http.ResponseWriter, r *http.Request) {
	entry := Entry{At: time.Now(), Endpoint: endpointModels, Model: r.PathValue("model")}
	w.Header().Set("X-Request-ID", "req_"+strings.ToLower(rand.Text()))
	k, no := s.admit(r)
	entry.Organization = k.Organization
	if f, ok := s.fault(endpointModels, k, question{Model: entry.Model}); ok && no == nil {
		s.misbehave(w, r, entry, f)
		return
	}
	if s.cfg.Flavour == FlavourVLLM || s.cfg.Flavour == FlavourLlamaCpp { // a list, and no reading of one model
		entry.Status = http.StatusNotFound
		s.record(entry)
		writeJSON(w, entry.Status, notServed(s.cfg.Flavour))
		return
	}
	var m Model
	if no == nil {
		m, no = s.model(k, entry.Model)
	}
	if no != nil {
		s.refuse(w, r, entry, no)
		return
	}
	if s.cfg.Flavour == "" {
		w.Header().Set("Openai-Organization", k.Organization)
	}
	entry.Status, entry.Answered = http.StatusOK, true
	s.record(entry)
	writeJSON(w, http.StatusOK, s.described(m))
}

func (s *Server) described(m Model) map[string]any {
	out := map[string]any{"id": m.ID, "object": "model", "created": 1_700_000_000, "owned_by": "simulator", "shutdown_date": nil}
	if !m.Shutdown.IsZero() {
		out["shutdown_date"] = m.Shutdown.Format(time.DateOnly)
	}
	if s.cfg.Flavour == FlavourVLLM && m.Window > 0 {
		out["max_model_len"] = m.Window
	}
	return out
}
