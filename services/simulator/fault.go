package simulator

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
)

// Fault is something that goes wrong instead of an answer.
type Fault struct {
	// Organization, Model and Marker say which requests it is for: of an organisation's keys, of a model, with a text in
	// them. Empty: any.
	Organization string `json:"organization"`
	Model        string `json:"model"`
	Marker       string `json:"marker"`
	// Endpoint is "chat/completions", "models", or "any"; empty: chat/completions.
	Endpoint string `json:"endpoint"`
	// Refusal names one of [Refusals], which gives status, header and body; they may be left empty then.
	Refusal string `json:"refusal"`
	// Skip is how many requests that fit are answered before it happens.
	Skip int `json:"skip"`
	// Times is how often it happens; 0 means once.
	Times int `json:"times"`
	// Hang is how long nothing happens first; negative: until the client leaves.
	Hang time.Duration `json:"hang"`
	// Status, Header and Body are what comes then. Status 0 cuts the connection before any answer.
	Status int               `json:"status"`
	Header map[string]string `json:"header"`
	Body   string            `json:"body"`
	// CutAfter, if positive, promises the whole body and cuts the connection after so many bytes.
	CutAfter int `json:"cutAfter"`
	// Drip, if positive, is waited before each byte of the body.
	Drip time.Duration `json:"drip"`
}

// Script adds faults; the first that fits a request is used.
func (s *Server) Script(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

// Recover drops all faults that have not happened yet.
func (s *Server) Recover() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// fault takes the fault that fits a request.
func (s *Server) fault(endpoint string, k Key, q question) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.faults {
		f := &s.faults[i]
		if f.Times < 0 || !f.fits(endpoint, k, q) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Times--; f.Times <= 0 {
			f.Times = -1 // used up
		}
		return *f, true
	}
	return Fault{}, false
}

func (f *Fault) fits(endpoint string, k Key, q question) bool {
	at := f.Endpoint
	if at == "" {
		at = endpointChat
	}
	return (at == "any" || at == endpoint) && (f.Organization == "" || f.Organization == k.Organization) && (f.Model == "" || f.Model == q.Model) &&
		strings.Contains(q.text(), f.Marker)
}

func (s *Server) misbehave(w http.ResponseWriter, r *http.Request, entry Entry, f Fault) {
	f = spelled(f, secretOf(r))
	entry.Status = f.Status
	s.record(entry)
	wait := f.Hang
	if wait < 0 {
		wait = time.Hour
	}
	if !s.wait(r, wait) || f.Status == 0 {
		panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's own way to cut a connection
	}
	w.Header().Set("Content-Type", "application/json")
	for k, v := range f.Header {
		w.Header().Set(k, v)
	}
	if f.CutAfter > 0 {
		w.Header().Set("Content-Length", "1000000")
		w.WriteHeader(f.Status)
		_, _ = io.WriteString(w, f.Body[:min(f.CutAfter, len(f.Body))])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler) //nolint:forbidigo // as above
	}
	w.WriteHeader(f.Status)
	if f.Drip > 0 {
		s.drip(w, r, f)
		return
	}
	_, _ = io.WriteString(w, f.Body)
}

// drip writes a body byte by byte, until the client leaves.
func (s *Server) drip(w http.ResponseWriter, r *http.Request, f Fault) {
	for at := range len(f.Body) {
		if !s.wait(r, f.Drip) {
			return
		}
		_, _ = io.WriteString(w, f.Body[at:at+1])
		_ = http.NewResponseController(w).Flush()
	}
}

func (s *Server) postFaults(w http.ResponseWriter, r *http.Request) {
	var faults []Fault
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(&faults); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.Script(faults...)
	w.WriteHeader(http.StatusNoContent)
}
