package console

import (
	"net/http"

	analysisv1 "github.com/kikigaki/kikigaki/proto/kikigaki/analysis/v1"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/services/internal/edge"
)

type analysisJSON struct {
	ID                 string       `json:"id"`
	CallID             string       `json:"callId"`
	Prompt             pinnedPrompt `json:"prompt"`
	Key                pinnedKey    `json:"key"`
	Priority           string       `json:"priority"`
	State              string       `json:"state"`
	RequestedBy        person       `json:"requestedBy"`
	RequestedAt        *string      `json:"requestedAt"`
	StartedAt          *string      `json:"startedAt"`
	FinishedAt         *string      `json:"finishedAt"`
	TranscriptRevision uint32       `json:"transcriptRevision"`
	LastUtterance      string       `json:"lastUtterance"`
	Stale              bool         `json:"stale"`
	Result             *resultJSON  `json:"result,omitempty"`
	Error              *errorJSON   `json:"error,omitempty"`
	Usage              usageJSON    `json:"usage"`
	Queue              *queueJSON   `json:"queue,omitempty"`
}

type pinnedPrompt struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Revision uint32 `json:"revision"`
	Text     string `json:"text"`
}

type pinnedKey struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	Model string `json:"model"`
}

type person struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type resultJSON struct {
	Text   string `json:"text"`
	Length uint32 `json:"length"`
	Shown  uint32 `json:"shown"`
}

type errorJSON struct {
	Code      string            `json:"code"`
	Title     string            `json:"title"`
	Message   string            `json:"message"`
	Status    int32             `json:"status"`
	RequestID string            `json:"requestId"`
	Params    map[string]string `json:"params,omitempty"`
}

type usageJSON struct {
	Requests      int64 `json:"requests"`
	InputTokens   int64 `json:"inputTokens"`
	OutputTokens  int64 `json:"outputTokens"`
	MaybeRequests int64 `json:"maybeRequests"`
}

type queueJSON struct {
	Position   uint32  `json:"position"`
	ETASeconds *uint32 `json:"etaSeconds"`
}

// analysesFor makes analyses in the language of a request.
func (s *Service) analysesFor(r *http.Request) func(*analysisv1.Analysis) analysisJSON {
	locale := s.Edge.Locale(r)
	return func(a *analysisv1.Analysis) analysisJSON { return s.analysisOf(a, locale) }
}

func (s *Service) analysisOf(a *analysisv1.Analysis, locale string) analysisJSON {
	p, k, u := a.GetPrompt(), a.GetKey(), a.GetUsage()
	out := analysisJSON{
		ID: a.GetId(), CallID: a.GetCallId(), Priority: a.GetPriority(), State: a.GetState(),
		Prompt:      pinnedPrompt{p.GetId(), p.GetName(), p.GetRevision(), p.GetText()},
		Key:         pinnedKey{k.GetId(), k.GetName(), k.GetKind(), k.GetModel()},
		RequestedBy: person{a.GetRequestedById(), a.GetRequestedByName()},
		RequestedAt: edge.Time(a.GetRequestedAt()), StartedAt: edge.Time(a.GetStartedAt()),
		FinishedAt: edge.Time(a.GetFinishedAt()), TranscriptRevision: a.GetTranscriptRevision(),
		LastUtterance: a.GetLastUtterance(), Stale: a.GetStale(),
		Usage: usageJSON{u.GetRequests(), u.GetInputTokens(), u.GetOutputTokens(), u.GetMaybeRequests()},
	}
	if a.GetState() == "completed" {
		out.Result = &resultJSON{a.GetResultText(), a.GetResultLength(), a.GetResultShown()}
	}
	if e := a.GetError(); e != nil {
		out.Error = s.errorOf(e, k.GetKind(), locale)
	}
	if a.GetQueuePosition() > 0 {
		out.Queue = &queueJSON{a.GetQueuePosition(), a.QueueEtaSeconds} //nolint:protogetter // absent is not 0
	}
	return out
}

// errorOf names an error in a language. The provider's own message stays as it came.
func (s *Service) errorOf(e *eventv1.ProviderError, keyKind, locale string) *errorJSON {
	return &errorJSON{
		Code: e.GetCode(), Title: s.Texts.AnalysisError(locale, e.GetCode(), keyKind).Title, Message: e.GetMessage(),
		Status: e.GetStatus(), RequestID: e.GetRequestId(), Params: e.GetParams(),
	}
}

func (s *Service) requestAnalyses(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		PromptID  string   `json:"promptId"`
		PromptIDs []string `json:"promptIds"`
		Priority  string   `json:"priority"`
	}
	if err := edge.Decode(w, r, edge.MaxBody, &b); err != nil {
		return err
	}
	if b.PromptID != "" {
		b.PromptIDs = append([]string{b.PromptID}, b.PromptIDs...)
	}
	res, err := s.Analyses.RequestAnalyses(r.Context(), &analysisv1.RequestAnalysesRequest{
		CallId: r.PathValue("call"), PromptIds: b.PromptIDs, Priority: b.Priority,
		IdempotencyKey: r.Header.Get("Idempotency-Key"),
	})
	if err != nil {
		return err
	}
	edge.SetPosition(w, res.GetPosition())
	return edge.Encode(w, http.StatusAccepted, map[string]any{
		"analyses": convert(res.GetAnalyses(), s.analysesFor(r)),
	})
}

func (s *Service) listAnalyses(w http.ResponseWriter, r *http.Request) error {
	size, token, err := edge.Page(r)
	if err != nil {
		return err
	}
	res, err := s.Analyses.ListAnalyses(r.Context(), &analysisv1.ListAnalysesRequest{
		CallId: r.PathValue("call"), PageSize: size, PageToken: token, MinPosition: edge.Position(r),
	})
	if err != nil {
		return err
	}
	return listed(w, res.GetPosition(), "analyses", convert(res.GetAnalyses(), s.analysesFor(r)),
		map[string]any{"nextPageToken": res.GetNextPageToken()})
}

func (s *Service) getAnalysis(w http.ResponseWriter, r *http.Request) error {
	res, err := s.Analyses.GetAnalysis(r.Context(), &analysisv1.GetAnalysisRequest{
		Id: r.PathValue("analysis"), Full: r.URL.Query().Get("full") == "true", MinPosition: edge.Position(r),
	})
	if err != nil {
		return err
	}
	return found(w, res.GetPosition(), s.analysesFor(r)(res.GetAnalysis()))
}

func (s *Service) cancelAnalysis(w http.ResponseWriter, r *http.Request) error {
	res, err := s.Analyses.CancelAnalysis(r.Context(), &analysisv1.CancelAnalysisRequest{Id: r.PathValue("analysis")})
	if err != nil {
		return err
	}
	return found(w, res.GetPosition(), s.analysesFor(r)(res.GetAnalysis()))
}

func (s *Service) deleteAnalysis(w http.ResponseWriter, r *http.Request) error {
	res, err := s.Analyses.DeleteAnalysis(r.Context(), &analysisv1.DeleteAnalysisRequest{Id: r.PathValue("analysis")})
	return deleted(w, res.GetPosition(), err)
}
