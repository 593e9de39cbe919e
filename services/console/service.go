package console

import (
	"context"
	"log/slog"
	"net/http"

	"google.golang.org/grpc"

	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	analysisv1 "github.com/kikigaki/kikigaki/proto/kikigaki/analysis/v1"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	promptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/prompt/v1"
	"github.com/kikigaki/kikigaki/services/internal/catalogue"
	"github.com/kikigaki/kikigaki/services/internal/edge"
)

// Name of the service: in logs and to other services.
const Name = "console"

// Deps is what a replica works with.
type Deps struct {
	Access   accessv1.AccessServiceClient
	Keys     keyv1.KeyServiceClient
	Prompts  promptv1.PromptServiceClient
	Analyses analysisv1.AnalysisServiceClient
	Edge     *edge.Edge
	Texts    *catalogue.Catalogue
	Logger   *slog.Logger
}

// Service is one replica of console.
type Service struct{ Deps }

// New makes a replica.
func New(deps Deps) *Service { return &Service{Deps: deps} }

// route is a line of the table of what is served where.
type route struct {
	pattern string
	handler edge.Handler
	open    bool // needs no caller
}

func (s *Service) routes() []route {
	return []route{
		{pattern: "POST /api/v1/session", handler: s.startSession, open: true},
		{pattern: "DELETE /api/v1/session", handler: s.endSession},
		{pattern: "GET /api/v1/me", handler: s.me},

		{pattern: "GET /api/v1/accounts", handler: s.listAccounts},
		{pattern: "POST /api/v1/accounts", handler: s.createAccount},
		{pattern: "GET /api/v1/accounts/{account}", handler: s.getAccount},
		{pattern: "PATCH /api/v1/accounts/{account}", handler: s.updateAccount},
		{pattern: "DELETE /api/v1/accounts/{account}", handler: s.deleteAccount},
		{pattern: "GET /api/v1/tokens", handler: s.listTokens},
		{pattern: "POST /api/v1/tokens", handler: s.createToken},
		{pattern: "DELETE /api/v1/tokens/{token}", handler: s.deleteToken},

		{pattern: "GET /api/v1/keys", handler: s.listKeys},
		{pattern: "POST /api/v1/keys", handler: s.createKey},
		{pattern: "GET /api/v1/keys/form", handler: s.keyForm},
		{pattern: "GET /api/v1/keys/{key}", handler: s.getKey},
		{pattern: "PATCH /api/v1/keys/{key}", handler: s.updateKey},
		{pattern: "POST /api/v1/keys/{key}/verify", handler: s.verifyKey},
		{pattern: "DELETE /api/v1/keys/{key}", handler: s.deleteKey},
		{pattern: "POST /api/v1/keys/{key}/secret", handler: s.rotateSecret},
		{pattern: "GET /api/v1/keys/{key}/limits", handler: s.getLimits},
		{pattern: "PUT /api/v1/keys/{key}/limits", handler: s.overrideLimits},

		{pattern: "GET /api/v1/prompts", handler: s.listPrompts},
		{pattern: "POST /api/v1/prompts", handler: s.createPrompt},
		{pattern: "POST /api/v1/prompts/examples", handler: s.createExamples},
		{pattern: "PUT /api/v1/prompts/order", handler: s.reorderPrompts},
		{pattern: "GET /api/v1/prompts/{prompt}", handler: s.getPrompt},
		{pattern: "PATCH /api/v1/prompts/{prompt}", handler: s.updatePrompt},
		{pattern: "DELETE /api/v1/prompts/{prompt}", handler: s.deletePrompt},
		{pattern: "POST /api/v1/prompts/{prompt}/move", handler: s.movePrompt},
		{pattern: "GET /api/v1/prompts/{prompt}/revisions", handler: s.listPromptRevisions},
		{pattern: "GET /api/v1/prompts/{prompt}/revisions/{revision}", handler: s.getPromptRevision},
		{pattern: "GET /api/v1/prompts/{prompt}/compare", handler: s.comparePromptRevisions},

		{pattern: "POST /api/v1/calls/{call}/analyses", handler: s.requestAnalyses},
		{pattern: "GET /api/v1/calls/{call}/analyses", handler: s.listAnalyses},
		{pattern: "GET /api/v1/analyses/{analysis}", handler: s.getAnalysis},
		{pattern: "DELETE /api/v1/analyses/{analysis}", handler: s.deleteAnalysis},
		{pattern: "POST /api/v1/analyses/{analysis}/cancel", handler: s.cancelAnalysis},
	}
}

// Paths are the patterns of [http.ServeMux] that [Service.Mount] serves: what a gateway in front of replicas that run
// apart has to send here, and that is everything that nobody else serves.
func Paths() []string {
	var out []string
	for _, r := range (&Service{}).routes() {
		out = append(out, r.pattern)
	}
	return append(out, apiPath, textsPath, screenPath)
}

const (
	apiPath    = "/api/" // what is not served is said in words of the API
	textsPath  = "GET /texts/{locale}"
	screenPath = "/"
)

// Register registers nothing: console is asked over HTTP alone.
func (s *Service) Register(grpc.ServiceRegistrar) {}

// Start has nothing to start: console keeps no state.
func (s *Service) Start(context.Context) error { return nil }

// Stop has nothing to stop.
func (s *Service) Stop(context.Context) error { return nil }

// Ready is nil: whether those it asks answer shows in each of its own answers.
func (s *Service) Ready(context.Context) error { return nil }

// Mount puts everything that console serves on a mux.
func (s *Service) Mount(mux *http.ServeMux) {
	for _, r := range s.routes() {
		if r.open {
			mux.Handle(r.pattern, s.Edge.Open(r.handler))
			continue
		}
		mux.Handle(r.pattern, s.Edge.Authenticated(r.handler))
	}
	mux.Handle(apiPath, s.Edge.Open(notServed))
	s.mountScreen(mux)
}
