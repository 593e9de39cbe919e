package simulator

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// Flavour is whose manners a server has.
type Flavour string

// Flavours of servers that people run themselves. They send no limits, name no organisation, and say no each in a form
// of its own; vLLM and llama.cpp have a list of models and no reading of one.
const (
	FlavourVLLM     Flavour = "vllm"
	FlavourOllama   Flavour = "ollama"
	FlavourLlamaCpp Flavour = "llamacpp"
)

// notServed is what a server says of a path that it does not have.
func notServed(f Flavour) any {
	if f == FlavourVLLM {
		return map[string]any{"detail": "Not Found"}
	}
	return map[string]any{"error": map[string]any{"code": http.StatusNotFound, "message": "File Not Found", "type": "not_found_error"}}
}

func isAzure(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/openai/") }

// completeDeployment is Azure's older path.
func (s *Server) completeDeployment(w http.ResponseWriter, r *http.Request) {
	s.ask(w, r, r.PathValue("deployment"))
}

// apiVersion is a day, maybe of a preview.
var apiVersion = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(-preview)?$`)

// dialect refuses what the server does not understand of a question that OpenAI would.
func (s *Server) dialect(r *http.Request, q question) *refusal {
	if r.PathValue("deployment") != "" && !apiVersion.MatchString(r.URL.Query().Get("api-version")) {
		return &refusal{status: http.StatusNotFound, code: "404", message: "Resource not found"}
	}
	if s.cfg.OldLimit && q.MaxCompletionTokens > 0 {
		return &refusal{
			status: http.StatusBadRequest, kind: invalidRequest,
			message: "Unrecognized request argument supplied: max_completion_tokens",
		}
	}
	return nil
}

// inAzuresWords is a refusal as Azure says it.
func inAzuresWords(no *refusal, e Entry) any {
	code, message := fmt.Sprint(no.status), no.message
	switch {
	case no.status == http.StatusUnauthorized:
		message = "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an " +
			"active subscription and use a correct regional API endpoint for your resource."
	case no.code == "model_not_found":
		code, message = "DeploymentNotFound", "The API deployment for this resource does not exist. If you created the "+
			"deployment within the last 5 minutes, please wait a moment and try again."
	case no.status == http.StatusTooManyRequests:
		message = fmt.Sprintf("Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 have "+
			"exceeded token rate limit of your current OpenAI S0 pricing tier. Deployment %s. Please retry after %d seconds.",
			e.Model, max(1, int(no.retry.Seconds())))
	}
	return map[string]any{"error": map[string]any{"code": code, "message": message}}
}
