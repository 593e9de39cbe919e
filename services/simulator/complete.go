package simulator

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	maxRequest     = 16 << 20
	endpointChat   = "chat/completions"
	endpointModels = "models"
	invalidRequest = "invalid_request_error"
)

type question struct {
	Model    string `json:"model"`
	Messages []struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	} `json:"messages"`
	MaxTokens           int  `json:"max_tokens"`
	MaxCompletionTokens int  `json:"max_completion_tokens"`
	Stream              bool `json:"stream"`
}

// text is everything that was asked.
func (q question) text() string {
	var b strings.Builder
	for _, m := range q.Messages {
		b.WriteString(m.Content)
		b.WriteByte('\n')
	}
	return b.String()
}

// tokens is the estimate by which a request is charged: characters by two, which is near enough for English and
// Japanese together, and no tokenizer.
func (q question) tokens() int { return utf8.RuneCountInString(q.text())/2 + 1 }

func (q question) limit() int { return max(q.MaxTokens, q.MaxCompletionTokens) }

func (s *Server) complete(w http.ResponseWriter, r *http.Request) { s.ask(w, r, "") }

// ask answers a question; a deployment of Azure's older path stands for the model.
func (s *Server) ask(w http.ResponseWriter, r *http.Request, deployment string) {
	entry := Entry{At: time.Now(), Endpoint: endpointChat, ClientRequestID: r.Header.Get("X-Client-Request-Id")}
	w.Header().Set("X-Request-ID", "req_"+strings.ToLower(rand.Text()))
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	var q question
	if err != nil || json.Unmarshal(data, &q) != nil {
		s.refuse(w, r, entry, &refusal{status: http.StatusBadRequest, kind: invalidRequest,
			message: "We could not parse the JSON body of your request."})
		return
	}
	if deployment != "" {
		q.Model = deployment
	}
	entry.Model, entry.PromptHash = q.Model, hash(q.text())
	k, no := s.admit(r)
	entry.Organization = k.Organization
	if s.cfg.Flavour == "" {
		w.Header().Set("Openai-Organization", k.Organization)
	}
	if no == nil {
		no = s.dialect(r, q)
	}
	if no != nil {
		s.refuse(w, r, entry, no)
		return
	}
	if f, ok := s.fault(endpointChat, k, q); ok {
		s.misbehave(w, r, entry, f)
		return
	}
	m, no := s.charge(w, k, q, &entry)
	if no != nil {
		s.refuse(w, r, entry, no)
		return
	}
	if !s.wait(r, s.cfg.Latency) {
		s.record(entry)
		return
	}
	s.answer(w, entry, m, q)
}

// charge applies the limits of the model and of the key's account.
func (s *Server) charge(w http.ResponseWriter, k Key, q question, entry *Entry) (Model, *refusal) {
	m, no := s.model(k, q.Model)
	if no != nil {
		return m, no
	}
	switch {
	case k.State == StateNoScope:
		return m, &refusal{status: http.StatusUnauthorized, kind: invalidRequest, message: "You have insufficient " +
			"permissions for this operation. Missing scopes: model.request. Check that you have the correct role in your " +
			"organization, and if you're using a restricted API key, that it has the necessary scopes."}
	case k.State == StateNoCredit:
		return m, &refusal{status: http.StatusTooManyRequests, kind: "insufficient_quota", code: "insufficient_quota",
			message: "You exceeded your current quota, please check your plan and billing details."}
	case q.Stream:
		return m, &refusal{status: http.StatusBadRequest, kind: invalidRequest, code: "unsupported_value",
			message: "This simulator does not stream."}
	}
	if need := q.tokens() + q.limit(); m.Window > 0 && need > m.Window {
		return m, &refusal{status: http.StatusBadRequest, kind: invalidRequest, code: "context_length_exceeded", param: "messages",
			window: m.Window, need: need, message: fmt.Sprintf("This model's maximum context length is %d tokens. However, you requested %d tokens (%d in "+
				"the messages, %d in the completion). Please reduce the length of the messages or completion.",
				m.Window, need, q.tokens(), q.limit())}
	}
	entry.Charge = q.tokens() + q.limit()
	return m, s.spend(w.Header(), k, m, entry.Charge, time.Now())
}

// wait waits unless the client leaves or the provider stops.
func (s *Server) wait(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
	case <-s.quit:
	}
	return false
}

func (s *Server) answer(w http.ResponseWriter, entry Entry, m Model, q question) {
	text := extract(q)
	if m.Echo {
		text = q.text()
	}
	entry.Status, entry.Answered = http.StatusOK, true
	s.record(entry)
	out := utf8.RuneCountInString(text)/2 + 1
	w.Header().Set("Openai-Processing-Ms", fmt.Sprint(s.cfg.Latency.Milliseconds()))
	writeJSON(w, http.StatusOK, map[string]any{
		"id": "chatcmpl-" + rand.Text(), "object": "chat.completion", "created": time.Now().Unix(), "model": m.ID,
		"choices": []any{map[string]any{
			"index": 0, "finish_reason": "stop", "logprobs": nil,
			"message": map[string]any{"role": "assistant", "content": text, "refusal": nil},
		}},
		"usage": map[string]any{
			"prompt_tokens": q.tokens(), "completion_tokens": out, "total_tokens": q.tokens() + out,
			"prompt_tokens_details":     map[string]int{"cached_tokens": 0},
			"completion_tokens_details": map[string]int{"reasoning_tokens": 0},
		},
	})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) //nolint:errchkjson // the client may have gone
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}
