package llm

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/param"
)

// Secret is a provider's key. It prints as nothing.
type Secret string

const hidden = "[secret]"

// String hides the secret.
func (Secret) String() string { return hidden }

// GoString hides the secret.
func (Secret) GoString() string { return hidden }

// LogValue hides the secret.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the secret.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Config says whom to ask and as whom.
type Config struct {
	// BaseURL ends in the version, as https://api.openai.com/v1.
	BaseURL string
	Secret  Secret
	// OrganizationID and ProjectID are sent when set.
	OrganizationID, ProjectID string
	// Azure sends the secret as Azure takes it, in the header Api-Key.
	Azure bool
	// Deployment is asked instead of the model of a request: Azure's own name for a model that somebody has set up.
	Deployment string
	// APIVersion asks by Azure's older path, /openai/deployments/<deployment>/chat/completions?api-version=…; BaseURL is
	// then the resource's root. Empty: BaseURL is asked as every other server is.
	APIVersion string
	// OldLimit asks with max_tokens from the start, of a server that has refused max_completion_tokens before.
	OldLimit bool
	// HTTPClient makes the requests; it must not follow redirects.
	HTTPClient *http.Client
}

// Client asks one provider with one key. It is safe for concurrent use.
type Client struct {
	options    []option.RequestOption
	secret     Secret
	deployment string
	// oldLimit is set once the provider has refused max_completion_tokens, which older servers do not know.
	oldLimit atomic.Bool
}

// New makes a client. It reads nothing from the environment.
func New(cfg Config) (*Client, error) {
	opts := []option.RequestOption{
		option.WithBaseURL(cfg.baseURL()), option.WithHTTPClient(cfg.HTTPClient), option.WithMaxRetries(0),
	}
	if cfg.Azure {
		opts = append(opts, option.WithHeader("Api-Key", string(cfg.Secret)))
	} else {
		opts = append(opts, option.WithAPIKey(string(cfg.Secret)))
	}
	if cfg.APIVersion != "" {
		opts = append(opts, option.WithQuery("api-version", cfg.APIVersion))
	}
	if cfg.OrganizationID != "" {
		opts = append(opts, option.WithOrganization(cfg.OrganizationID))
	}
	if cfg.ProjectID != "" {
		opts = append(opts, option.WithProject(cfg.ProjectID))
	}
	c := &Client{options: opts, secret: cfg.Secret, deployment: cfg.Deployment}
	c.oldLimit.Store(cfg.OldLimit)
	return c, nil
}

// baseURL is what the paths of requests are put behind.
func (c Config) baseURL() string {
	if c.APIVersion == "" {
		return c.BaseURL
	}
	return strings.TrimRight(c.BaseURL, "/") + "/openai/deployments/" + url.PathEscape(c.Deployment)
}

// OldLimit tells whether the server takes max_tokens alone, as far as is known by now.
func (c *Client) OldLimit() bool { return c.oldLimit.Load() }

// Message is one message of a conversation. Role is "user" or "system".
type Message struct{ Role, Text string }

// Request is a question.
type Request struct {
	Model    string
	Messages []Message
	// MaxOutputTokens bounds the answer.
	MaxOutputTokens int
	// RequestID is ours; the provider gets it as X-Client-Request-Id.
	RequestID string
}

// Completion is an answer.
type Completion struct {
	// ID is the provider's own for the answer.
	ID   string
	Text string
	// FinishReason is why the answer ended: "stop", or "length" when it was cut at MaxOutputTokens.
	FinishReason      string
	Usage             Usage
	ProviderRequestID string
	ServedModel       string
	Limits            Limits
}

// Usage is what the provider counted.
type Usage struct{ InputTokens, OutputTokens int }

// Limits is what the provider said of its limits beside an answer; 0 and "" where it did not.
type Limits struct {
	RequestsPerMinute, TokensPerMinute int64
	// RequestsLeft and TokensLeft are what is left of them, -1 where it did not say; RequestsFullIn and TokensFullIn how long
	// it takes until nothing is used of them any more.
	RequestsLeft, TokensLeft     int64
	RequestsFullIn, TokensFullIn time.Duration
	Organization, Project        string
}

// ModelInfo is a model as the provider describes it.
type ModelInfo struct {
	ID string
	// ShutdownDate is when it will be gone; zero when not announced.
	ShutdownDate time.Time
	// Window is how many tokens a question and its answer may have together; 0 where the server does not say, as OpenAI
	// does not.
	Window int64
	Limits Limits
}

// Complete asks once. The error is an [*Error]. Where a server does not know max_completion_tokens and says so, the
// question is asked again with the older max_tokens, which is remembered.
func (c *Client) Complete(ctx context.Context, req Request) (Completion, error) {
	old := c.oldLimit.Load()
	done, err := c.complete(ctx, req, old)
	if e := asError(err); e != nil && !old && e.refusesLimit() {
		c.oldLimit.Store(true)
		return c.complete(ctx, req, true)
	}
	return done, err
}

func (c *Client) complete(ctx context.Context, req Request, old bool) (Completion, error) {
	req.Model = cmp.Or(c.deployment, req.Model)
	params := openai.ChatCompletionNewParams{Model: req.Model}
	for _, m := range req.Messages {
		if m.Role == "system" {
			params.Messages = append(params.Messages, openai.SystemMessage(m.Text))
			continue
		}
		params.Messages = append(params.Messages, openai.UserMessage(m.Text))
	}
	if old {
		params.MaxTokens = param.NewOpt(int64(req.MaxOutputTokens))
	} else {
		params.MaxCompletionTokens = param.NewOpt(int64(req.MaxOutputTokens))
	}
	seen := &exchange{secret: c.secret}
	service := openai.NewChatCompletionService(c.options...)
	res, err := service.New(seen.trace(ctx), params,
		option.WithMiddleware(seen.middleware), option.WithHeader("X-Client-Request-Id", req.RequestID))
	if err := seen.verdict(ctx, err); err != nil {
		return Completion{}, err
	}
	return completionOf(seen, req.Model, res)
}

// Model asks what a model is; it costs no tokens.
func (c *Client) Model(ctx context.Context, id string) (ModelInfo, error) {
	seen := &exchange{secret: c.secret}
	service := openai.NewModelService(c.options...)
	res, err := service.Get(seen.trace(ctx), id, option.WithMiddleware(seen.middleware))
	if err := seen.verdict(ctx, err); err != nil {
		return ModelInfo{}, err
	}
	if res.ID == "" {
		return ModelInfo{}, seen.broken("the answer names no model")
	}
	return seen.model(*res), nil
}

// ListedModel is Model of a server that lists its models and has no reading of one, as vLLM. The error is an [*Error], of
// status 404 when the model is not in the list.
func (c *Client) ListedModel(ctx context.Context, id string) (ModelInfo, error) {
	seen := &exchange{secret: c.secret}
	service := openai.NewModelService(c.options...)
	res, err := service.List(seen.trace(ctx), option.WithMiddleware(seen.middleware))
	if err := seen.verdict(ctx, err); err != nil {
		return ModelInfo{}, err
	}
	for _, m := range res.Data {
		if m.ID == id {
			return seen.model(m), nil
		}
	}
	return ModelInfo{}, &Error{Status: http.StatusNotFound, Class: ClassConfig, Message: "the server's list does not have the model"}
}

func (e *exchange) model(m openai.Model) ModelInfo {
	return ModelInfo{
		ID: m.ID, ShutdownDate: m.ShutdownDate, Window: windowIn(m.RawJSON()), Limits: limitsOf(e.header, e.secret),
	}
}

// completionOf reads an answer. What a server says of itself is not believed to be without our key, but for the model's
// name where it only repeats what was asked for.
func completionOf(seen *exchange, asked string, res *openai.ChatCompletion) (Completion, error) {
	out := Completion{
		ID: redact(res.ID, seen.secret), ProviderRequestID: seen.requestID(), ServedModel: res.Model,
		Limits: limitsOf(seen.header, seen.secret),
	}
	if res.Model != asked {
		out.ServedModel = redact(res.Model, seen.secret)
	}
	out.Usage = Usage{InputTokens: int(res.Usage.PromptTokens), OutputTokens: int(res.Usage.CompletionTokens)}
	if len(res.Choices) == 0 {
		return out, seen.broken("the answer has no choices")
	}
	choice := res.Choices[0]
	out.Text, out.FinishReason = choice.Message.Content, reason(choice.FinishReason, seen.secret)
	if out.Text == "" {
		out.Text = choice.Message.Refusal
	}
	if out.FinishReason == "" {
		return out, seen.broken("the answer does not say why it ended")
	}
	return out, nil
}

// reason is why an answer ended: one of the protocol's words, or what a server says instead.
func reason(said string, secret Secret) string {
	switch said {
	case "stop", "length", "content_filter", "tool_calls", "function_call":
		return said
	}
	return redact(said, secret)
}
