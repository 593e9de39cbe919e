package keys

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/services/internal/ids"
	"github.com/kikigaki/kikigaki/services/internal/llm"
	"github.com/kikigaki/kikigaki/services/internal/outbound"
)

const (
	// verifyTime bounds the asking of a provider while somebody waits at a form.
	verifyTime = 25 * time.Second
	// tinyAnswer is how many tokens the trial answer may have.
	tinyAnswer = 16
)

// learned is what a provider tells while a key is verified.
type learned struct {
	limits                *eventv1.ProviderLimits
	organization, project string
	shutdown              time.Time
}

// verify asks the provider: first for the model, which costs nothing and finds a wrong key, organisation, project or
// model; then for one tiny answer, because a key may be allowed to look and not to ask, or have nothing left to spend.
func (s *Service) verify(ctx context.Context, d Draft) (learned, error) {
	ctx, cancel := context.WithTimeout(ctx, verifyTime)
	defer cancel()
	conn, err := outbound.Client(d.BaseURL, s.cfg.Allow)
	if err != nil {
		return learned{}, badURL("refused")
	}
	defer conn.CloseIdleConnections()
	client, err := llm.New(llm.Config{
		BaseURL: d.BaseURL, Secret: llm.Secret(d.Secret), OrganizationID: d.OrganizationID, ProjectID: d.ProjectID,
		HTTPClient: conn,
	})
	if err != nil {
		return learned{}, err
	}
	var out learned
	model, err := client.Model(ctx, d.Model)
	if err != nil && !d.withoutModels(err) {
		return out, refused(err)
	}
	out.shutdown = model.ShutdownDate
	answer, err := client.Complete(ctx, llm.Request{
		Model: d.Model, MaxOutputTokens: tinyAnswer, RequestID: ids.New("verify"),
		Messages: []llm.Message{{Role: "user", Text: "Reply with OK."}},
	})
	if err != nil {
		return out, refused(err)
	}
	l := answer.Limits
	out.organization, out.project = firstOf(l.Organization, model.Limits.Organization), firstOf(l.Project, model.Limits.Project)
	out.limits = &eventv1.ProviderLimits{RequestsPerMinute: l.RequestsPerMinute, TokensPerMinute: l.TokensPerMinute}
	return out, nil
}

// withoutModels tells whether a server that is no OpenAI simply has no list of models.
func (d Draft) withoutModels(err error) bool {
	var e *llm.Error
	if !errors.As(err, &e) || d.Kind == KindOpenAI {
		return false
	}
	return e.Status == http.StatusNotFound && e.Code == "" || e.Status == http.StatusMethodNotAllowed
}

// refused turns a provider's no into ours: KEY_REFUSED with the field at fault and the provider's own words, or
// KEY_UNREACHABLE when it was the network or the provider's own trouble. Nothing is saved either way.
func refused(err error) error {
	var e *llm.Error
	if !errors.As(err, &e) {
		return err
	}
	said := fault.FromProvider(fault.Provider{
		Status: e.Status, Code: e.Code, Message: e.Message, RequestID: e.RequestID,
	})
	switch {
	case e.Class == llm.ClassConfig && e.Status == 0:
		return fault.New(fault.Unprocessable, "KEY_REFUSED", fault.Field("baseUrl"), said)
	case e.Class == llm.ClassRetryBackoff, e.Class == llm.ClassTimeout, e.Class == llm.ClassInterrupted,
		e.Class == llm.ClassRetryAfter, e.Class == llm.ClassRampDown:
		return fault.New(fault.Unavailable, "KEY_UNREACHABLE", said, fault.RetryIn(max(e.RetryAfter, time.Second)))
	}
	return fault.New(fault.Unprocessable, "KEY_REFUSED", fault.Field(fieldOf(e)), said)
}

// fieldOf is the field that a refusal is about.
func fieldOf(e *llm.Error) string {
	switch {
	case e.Class == llm.ClassBilling: // codes of spent limits name the organisation or project that is right
		return "secret"
	case strings.Contains(e.Code, "organization"):
		return "organizationId"
	case strings.Contains(e.Code, "project"), strings.Contains(strings.ToLower(e.Message), "openai-project"):
		return "projectId"
	case e.Code == "model_not_found", e.Code == "DeploymentNotFound":
		return "model"
	case e.Class == llm.ClassAuth:
		return "secret"
	case e.Status == http.StatusNotFound, e.Class == llm.ClassUnknown:
		return "baseUrl"
	}
	return "model"
}
