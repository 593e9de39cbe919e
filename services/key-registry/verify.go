package keys

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/services/internal/ids"
	"github.com/kikigaki/kikigaki/services/internal/llm"
	"github.com/kikigaki/kikigaki/services/internal/outbound"
)

const (
	// verifyTime bounds the asking of a provider while somebody waits at a form.
	verifyTime = 25 * time.Second
	// listTime bounds the reading of a list of models, which may be long and is needed for nothing but the window.
	listTime = 5 * time.Second
	// tinyAnswer is how many tokens the trial answer may have.
	tinyAnswer = 16
)

// learned is what a provider tells while a key is verified. The zero value is of a provider that was not reached.
type learned struct {
	// at is when the provider accepted the key; zero when it did not.
	at                    time.Time
	limits                *eventv1.ProviderLimits
	organization, project string
	served                string // only when it is another model than was asked for
	shutdown              time.Time
	oldLimit              bool
}

// verify asks the provider: first for the model, which costs nothing and finds a wrong key, organisation, project or
// model; then for one tiny answer, because a key may be allowed to look and not to ask, or have nothing left to spend.
// Azure has no reading of a deployment, and of a compatible server only the answer counts. The error is KEY_REFUSED with
// the field at fault, or KEY_UNREACHABLE.
func (s *Service) verify(ctx context.Context, d Draft) (learned, error) {
	ctx, cancel := context.WithTimeout(ctx, verifyTime)
	defer cancel()
	conn, err := outbound.Client(d.BaseURL, s.cfg.Allow)
	if err != nil {
		return learned{}, badURL("refused")
	}
	defer conn.CloseIdleConnections()
	client, err := llm.New(d.client(conn))
	if err != nil {
		return learned{}, err
	}
	model, err := d.look(ctx, client)
	if err != nil {
		return learned{}, refused(err, d)
	}
	answer, err := client.Complete(ctx, llm.Request{
		Model: d.Model, MaxOutputTokens: tinyAnswer, RequestID: ids.New("verify"),
		Messages: []llm.Message{{Role: "user", Text: "Reply with OK."}},
	})
	if err != nil && !accepted(err) {
		return learned{}, refused(err, d)
	}
	l := answer.Limits
	out := learned{
		at: time.Now(), shutdown: model.ShutdownDate, oldLimit: client.OldLimit(),
		organization: firstOf(l.Organization, model.Limits.Organization), project: firstOf(l.Project, model.Limits.Project),
		limits: &eventv1.ProviderLimits{
			RequestsPerMinute: l.RequestsPerMinute, TokensPerMinute: l.TokensPerMinute, ContextWindow: model.Window,
		},
	}
	if answer.ServedModel != firstOf(d.Deployment, d.Model) {
		out.served = answer.ServedModel
	}
	return out, nil
}

// client is how a key is used; the analysis-worker makes the same of what it is given.
func (d Draft) client(conn *http.Client) llm.Config {
	return llm.Config{
		BaseURL: d.BaseURL, Secret: llm.Secret(d.Secret), OrganizationID: d.OrganizationID, ProjectID: d.ProjectID,
		Azure: d.Kind == KindAzure, Deployment: d.Deployment, APIVersion: d.APIVersion, HTTPClient: conn,
	}
}

// look reads the model, where there is a list of models to read it from.
func (d Draft) look(ctx context.Context, client *llm.Client) (llm.ModelInfo, error) {
	if d.Kind == KindAzure {
		return llm.ModelInfo{}, nil
	}
	model, err := client.Model(ctx, d.Model)
	if e, ok := errors.AsType[*llm.Error](err); ok && d.Kind == KindCompatible &&
		e.Status != 0 && e.Status != http.StatusUnauthorized {
		return llm.ModelInfo{Window: d.listed(ctx, client)}, nil // no reading of a model: the answer will tell
	}
	return model, err
}

// listed is the model's window as the server's list of models has it; 0 where there is no list or it does not say. vLLM
// says it there alone.
func (d Draft) listed(ctx context.Context, client *llm.Client) int64 {
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	model, err := client.ListedModel(ctx, d.Model)
	if err != nil {
		return 0
	}
	return model.Window
}

// accepted tells whether a refusal proves the key all the same: the model read the question and had reasons of its own.
// Content filters are known to take harmless words for an attack, and models that think use up a tiny answer with that.
func accepted(err error) bool {
	e, ok := errors.AsType[*llm.Error](err)
	return ok && (e.Class == llm.ClassContent || e.Status == http.StatusBadRequest &&
		strings.Contains(strings.ToLower(e.Message), "output limit was reached"))
}
