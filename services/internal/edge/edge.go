package edge

import (
	"log/slog"
	"net/http"

	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	"github.com/kikigaki/kikigaki/services/internal/catalogue"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// Edge is what handlers need at hand.
type Edge struct {
	texts    *catalogue.Catalogue
	log      *slog.Logger
	resolver *resolver
}

// New makes an edge that asks access who is calling.
func New(access accessv1.AccessServiceClient, verifier *identity.Verifier, texts *catalogue.Catalogue, log *slog.Logger) *Edge {
	return &Edge{texts: texts, log: log, resolver: newResolver(access, verifier)}
}

// Handler is a request handler that answers by itself or fails.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Open makes a handler for requests that need no caller.
func (e *Edge) Open(h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		if err := h(w, r); err != nil {
			e.Problem(w, r, err)
		}
	})
}

// Authenticated makes a handler that is only called with a known caller in its context: UNAUTHENTICATED otherwise.
func (e *Edge) Authenticated(h Handler) http.Handler {
	return e.Open(func(w http.ResponseWriter, r *http.Request) error {
		r, err := e.authenticate(r)
		if err != nil {
			return err
		}
		if err := h(w, r); err != nil {
			e.Problem(w, r, err) // here, where the caller and with it the language is known
		}
		return nil
	})
}

// secure sets what every answer of the API has.
func secure(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}
