package keys_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// provider is a small language model service. What it thinks of a key stands in the key: see its cases.
type provider struct {
	*httptest.Server

	mu     sync.Mutex
	seen   []string
	closed int // the status that everything is refused with; 0: what the secret says
	held   map[string]chan struct{}
}

// hold lets whoever asks for a path wait until release.
func (p *provider) hold(path string) (release func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	held := make(chan struct{})
	p.held = map[string]chan struct{}{path: held}
	return sync.OnceFunc(func() { close(held) })
}

// wait returns when a path is not held, or when who asked for it has gone.
func (p *provider) wait(r *http.Request) {
	p.mu.Lock()
	held := p.held[r.URL.Path]
	p.mu.Unlock()
	if held == nil {
		return
	}
	select {
	case <-held:
	case <-r.Context().Done():
	}
}

// close refuses everything with a status from now on; 0 opens again.
func (p *provider) close(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = status
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *provider) base() string { return p.URL + "/v1" }

// asked is what was asked, as "GET /v1/models/m" and "POST /v1/chat/completions".
func (p *provider) asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{}, p.seen...)
}

// ServeHTTP looks at a model and answers with OK.
func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.seen = append(p.seen, r.Method+" "+r.URL.Path)
	p.mu.Unlock()
	p.wait(r)
	secret := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Request-ID", "req-7")
	if org := r.Header.Get("Openai-Organization"); org != "" {
		h.Set("Openai-Organization", strings.TrimPrefix(org, "alias-of-"))
	}
	looking := r.Method == http.MethodGet
	p.mu.Lock()
	closed := p.closed
	p.mu.Unlock()
	switch {
	case closed != 0:
		refuse(w, closed, map[int]string{401: "invalid_api_key", 429: "insufficient_quota"}[closed], "No more.")
	case strings.Contains(secret, "Wrong"):
		refuse(w, 401, "invalid_api_key", fmt.Sprintf("Incorrect API key provided: %s****%s, or %s.", secret[:10], secret[len(secret)-4:], secret))
	case strings.Contains(secret, "Foreign"):
		refuse(w, 401, "mismatched_organization", "OpenAI-Organization header should match organization for API key")
	case strings.Contains(secret, "Stray"):
		refuse(w, 401, "mismatched_project", "OpenAI-Project header should match project for API key")
	case strings.Contains(secret, "Spent") && !looking:
		refuse(w, 429, "organization_spend_limit_exceeded", "The organization has used up its limit.")
	case strings.Contains(secret, "Looking") && !looking:
		refuse(w, 401, "", "You have insufficient permissions for this operation.")
	case strings.Contains(secret, "Poor") && !looking:
		refuse(w, 429, "insufficient_quota", "You exceeded your current quota.")
	case strings.Contains(secret, "Busy"):
		h.Set("Retry-After", "7")
		refuse(w, 503, "", "Overloaded.")
	case strings.Contains(secret, "Web"):
		h.Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html>"))
	case strings.HasSuffix(r.URL.Path, "/nothing"):
		refuse(w, 404, "model_not_found", "The model `nothing` does not exist.")
	case looking && strings.Contains(secret, "Small"):
		w.WriteHeader(http.StatusNotFound)
	case looking:
		fmt.Fprintf(w, `{"id":%q,"object":"model","shutdown_date":"2199-05-04"}`, strings.TrimPrefix(r.URL.Path, "/v1/models/"))
	default:
		h.Set("X-Ratelimit-Limit-Requests", "500")
		h.Set("X-Ratelimit-Limit-Tokens", "30000")
		_, _ = w.Write([]byte(`{"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"OK"}}]}`))
	}
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"message": message, "code": code, "type": "x"}})
}
