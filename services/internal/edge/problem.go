package edge

import (
	"encoding/json"
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/services/internal/catalogue"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// problem is a problem document with our own members.
type problem struct {
	Type     string            `json:"type"`
	Title    string            `json:"title"`
	Status   int               `json:"status"`
	Code     string            `json:"code"`
	Detail   string            `json:"detail,omitempty"`
	Field    string            `json:"field,omitempty"`
	Params   map[string]string `json:"params,omitempty"`
	Provider *provider         `json:"provider,omitempty"`
}

type provider struct {
	Status    int    `json:"status,omitempty"`
	Code      string `json:"code,omitempty"`
	Message   string `json:"message,omitempty"`
	RequestID string `json:"requestId,omitempty"`
}

// Problem answers with an error. Its title is in the language the client prefers, else the account's, else Japanese.
// What is a mistake of ours is logged and told as nothing but that. nil is no problem.
func (e *Edge) Problem(w http.ResponseWriter, r *http.Request, err error) {
	if err == nil {
		return
	}
	f, _ := fault.As(err)
	attrs := []any{slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Any("error", err)}
	switch {
	case f.Kind.HTTPStatus() == http.StatusInternalServerError:
		e.log.ErrorContext(r.Context(), "a request failed", attrs...)
		f = fault.New(fault.Internal, "INTERNAL")
	case f.Kind.HTTPStatus() > http.StatusInternalServerError && r.Context().Err() == nil:
		e.log.WarnContext(r.Context(), "a request could not be answered", attrs...)
	}
	locale := e.Locale(r)
	title, detail := e.texts.Problem(locale, f.Code, f.Params)
	p := problem{
		Type: "about:blank", Status: f.Kind.HTTPStatus(), Code: f.Code, Field: f.Field, Params: f.Params,
		Title: title, Detail: detail,
	}
	if f.Provider != nil {
		p.Provider = &provider{f.Provider.Status, f.Provider.Code, f.Provider.Message, f.Provider.RequestID}
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Language", locale)
	if seconds := retrySeconds(f); seconds > 0 {
		h.Set("Retry-After", strconv.Itoa(seconds))
	}
	if f.Kind == fault.Unauthenticated {
		h.Set("WWW-Authenticate", `Bearer realm="kikigaki"`)
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) //nolint:errchkjson // strings and numbers cannot fail; the client may have gone
}

func retrySeconds(f *fault.Error) int {
	if f.RetryAfter > 0 {
		return int(math.Ceil(f.RetryAfter.Seconds()))
	}
	if f.Kind == fault.Unavailable || f.Kind == fault.TooMany {
		return 1
	}
	return 0
}

// Locale is the language to answer in.
func (e *Edge) Locale(r *http.Request) string {
	c, _ := identity.From(r.Context())
	return catalogue.Match(r.Header.Get("Accept-Language"), c.Locale)
}
