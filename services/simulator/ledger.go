package simulator

import (
	"net/http"
	"slices"
	"time"
)

// Entry is a request as the provider saw it. It never holds a key.
type Entry struct {
	At           time.Time
	Endpoint     string
	Model        string
	Organization string
	// ClientRequestID is the caller's own id of the request.
	ClientRequestID string
	// Status of the answer; 0 when none was given.
	Status int
	// Charge is what it costs of the limit, in tokens.
	Charge int
	// Answered is set when the work was done, and would be paid.
	Answered bool
	// PromptHash stands for what was asked.
	PromptHash string
}

// Ledger is every request so far, in the order of their ends.
func (s *Server) Ledger() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ledger)
}

func (s *Server) record(e Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ledger = append(s.ledger, e)
}

func (s *Server) getLedger(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.Ledger())
}
