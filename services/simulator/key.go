package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// State of a key.
type State string

// States of keys.
const (
	StateOK          State = ""
	StateDeactivated State = "deactivated"
	StateNoScope     State = "no_scope"  // may look at models, not ask them
	StateNoCredit    State = "no_credit" // nothing left to spend
)

// Key is a key that the provider knows.
type Key struct {
	Secret, Organization, Project string
	// Models that its project may use; empty: all.
	Models []string
	State  State
}

// Model is a model that the provider serves.
type Model struct {
	ID string
	// Window is how many tokens input and output may have together.
	Window int
	// TokensPerMinute and RequestsPerMinute are limits of an organisation.
	TokensPerMinute, RequestsPerMinute int
	// Shutdown is when it will be gone; zero: not announced.
	Shutdown time.Time
	// Echo makes it answer with what it was given.
	Echo bool
}

func ownModels() []Model {
	const window, tpm, rpm = 128_000, 2_000_000, 10_000
	return []Model{
		{ID: "sim-large", Window: window, TokensPerMinute: tpm, RequestsPerMinute: rpm},
		{ID: "sim-echo", Window: window, TokensPerMinute: tpm, RequestsPerMinute: rpm, Echo: true},
	}
}

// refusal is an answer that says no, in OpenAI's words.
type refusal struct {
	status              int
	kind, code, message string
	param               string
	retry               time.Duration
	window, need        int // of a question that is too long, in tokens
}

// refuse says no, in the form of whom the server is.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, entry Entry, no *refusal) {
	entry.Status = no.status
	s.record(entry)
	if no.retry > 0 {
		w.Header().Set("Retry-After-Ms", fmt.Sprint(no.retry.Milliseconds()))
	}
	orNull := func(text string) any {
		if text == "" {
			return nil
		}
		return text
	}
	body := any(map[string]any{"error": map[string]any{
		"message": no.message, "type": no.kind, "param": orNull(no.param), "code": orNull(no.code),
	}})
	switch {
	case isAzure(r):
		body = inAzuresWords(no, entry)
	case s.cfg.Flavour == FlavourVLLM:
		body = map[string]any{"object": "error", "message": no.message, "type": "BadRequestError", "param": nil, "code": no.status}
	case s.cfg.Flavour == FlavourOllama:
		body = map[string]any{"error": no.message}
	case s.cfg.Flavour == FlavourLlamaCpp && no.window > 0:
		body = map[string]any{"error": map[string]any{
			"code": no.status, "message": "the request exceeds the available context size, try increasing it",
			"type": "exceed_context_size_error", "n_prompt_tokens": no.need, "n_ctx": no.window,
		}}
	case s.cfg.Flavour == FlavourLlamaCpp:
		body = map[string]any{"error": map[string]any{"code": no.status, "message": no.message, "type": "invalid_request_error"}}
	}
	writeJSON(w, no.status, body)
}

// admit finds the key that a request brings, or the provider's no.
func (s *Server) admit(r *http.Request) (Key, *refusal) {
	secret := secretOf(r)
	k, known := s.key(secret)
	switch {
	case !known:
		return k, &refusal{status: http.StatusUnauthorized, kind: invalidRequest, code: "invalid_api_key", message: fmt.Sprintf(
			"Incorrect API key provided: %s. You can find your API key at https://platform.openai.com/account/api-keys.",
			masked(secret))}
	case k.State == StateDeactivated:
		return k, &refusal{status: http.StatusUnauthorized, kind: invalidRequest, code: "account_deactivated",
			message: "The OpenAI account associated with this API key has been deactivated."}
	case mismatch(r.Header.Get("Openai-Organization"), k.Organization):
		return k, &refusal{status: http.StatusUnauthorized, kind: invalidRequest, code: "mismatched_organization",
			message: "OpenAI-Organization header should match organization for API key"}
	case mismatch(r.Header.Get("Openai-Project"), k.Project):
		return k, &refusal{status: http.StatusUnauthorized, kind: invalidRequest, code: "mismatched_project",
			message: "OpenAI-Project header should match project for API key"}
	}
	return k, nil
}

// secretOf is the key that a request brings, as OpenAI takes it or as Azure does.
func secretOf(r *http.Request) string {
	if secret := r.Header.Get("Api-Key"); secret != "" {
		return secret
	}
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}

func (s *Server) key(secret string) (Key, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, known := s.keys[secret]
	return k, known
}

// SetKey makes a key known from now on, or what is known of it another: its state, say.
func (s *Server) SetKey(k Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[k.Secret] = k
}

// RevokeKey makes a key unknown from now on. What is under way with it is answered.
func (s *Server) RevokeKey(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.keys, secret)
}

func mismatch(said, is string) bool { return said != "" && said != is }

// masked is how OpenAI repeats a wrong key: its head and its tail.
func masked(secret string) string {
	const head, tail = 8, 4
	if len(secret) <= head+tail {
		return secret
	}
	return secret[:head] + strings.Repeat("*", len(secret)-head-tail) + secret[len(secret)-tail:]
}

// model finds the model that a key asks for, or the provider's no.
func (s *Server) model(k Key, id string) (Model, *refusal) {
	m, known := s.models[id]
	switch {
	case !known || !m.Shutdown.IsZero() && time.Now().After(m.Shutdown):
		return m, &refusal{status: http.StatusNotFound, kind: invalidRequest, code: "model_not_found",
			message: fmt.Sprintf("The model %#q does not exist or you do not have access to it.", id)}
	case len(k.Models) > 0 && !slices.Contains(k.Models, id):
		return m, &refusal{status: http.StatusForbidden, kind: invalidRequest, code: "model_not_found",
			message: fmt.Sprintf("Project %#q does not have access to model %#q", k.Project, id)}
	}
	return m, nil
}
