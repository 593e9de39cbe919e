package ingest

import (
	"net/http"
	"strconv"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/services/internal/edge"
)

// maxBody of an append, in bytes: 512 KiB of text and what JSON may make of it.
const maxBody = 4 << 20

// Paths are the patterns of [http.ServeMux] that [Service.Mount] serves: what a gateway in front of replicas that run
// apart has to send here.
func Paths() []string {
	out := []string{voiceLogPattern}
	for _, r := range routes(nil, nil) {
		out = append(out, r.pattern)
	}
	return out
}

// route is a line of the table of what is served where.
type route struct {
	pattern string
	handler edge.Handler
}

func routes(s *Service, e *edge.Edge) []route {
	return []route{
		{"POST /api/v1/calls/{call}/utterances", s.postUtterances},
		{"POST /api/v1/calls/{call}/end", s.postEnd},
		{"POST /api/v1/calls/import", s.postImport},
		{"POST /api/v1/events", s.postEvents},
		{"GET /api/v1/settings/voice-log", s.getVoiceLogSettings},
		{"PATCH /api/v1/settings/voice-log", s.patchVoiceLogSettings},
		{"GET /api/v1/dead-letters", s.getDeadLetters},
		{"POST /api/v1/dead-letters/{id}/redrive", s.postRedrive},
		{"GET /api/v1/calls", s.getCalls},
		{"GET /api/v1/calls/{call}", s.getCall},
		{"DELETE /api/v1/calls/{call}", s.deleteCall},
		{"GET /api/v1/settings/retention", s.getRetention},
		{"PATCH /api/v1/settings/retention", s.patchRetention},
		{"GET /api/v1/calls/{call}/transcript", s.getTranscript},
		{FollowPath, s.getFollow(e)},
		{"GET /api/v1/calls/{call}/receipt", s.getReceipt},
		{"GET /api/v1/calls/{call}/export", s.getExport},
	}
}

// Mount puts the API of calls and their words on a mux. All of it needs a caller; errors are problem documents. Writes
// and reads answer with a position, and reads wait for the one they are given. The compatible transcript API, which is
// beside it, has ways of its own.
func (s *Service) Mount(mux *http.ServeMux, e *edge.Edge) {
	for _, r := range routes(s, e) {
		mux.Handle(r.pattern, e.Authenticated(r.handler))
	}
	mux.Handle(voiceLogPattern, e.Open(s.getVoiceLog(e)))
}

func (s *Service) postUtterances(w http.ResponseWriter, r *http.Request) error {
	var body appendBody
	if err := edge.Decode(w, r, maxBody, &body); err != nil {
		return err
	}
	res, err := s.AppendUtterances(r.Context(), body.request(r.PathValue("call")))
	if err != nil {
		return err
	}
	edge.SetPosition(w, res.GetPosition())
	return edge.Encode(w, http.StatusOK, map[string]uint32{
		"accepted": res.GetAccepted(), "duplicates": res.GetDuplicates(), "corrected": res.GetCorrected(),
		"conflicting": res.GetConflicting(), "revision": res.GetRevision(),
	})
}

func (s *Service) postEnd(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		EndedAt *time.Time `json:"endedAt"`
	}
	if r.ContentLength != 0 {
		if err := edge.Decode(w, r, edge.MaxBody, &body); err != nil {
			return err
		}
	}
	res, err := s.EndCall(r.Context(), &transcriptv1.EndCallRequest{
		CallId: r.PathValue("call"), EndedAt: stamp(body.EndedAt),
	})
	if err != nil {
		return err
	}
	edge.SetPosition(w, res.GetPosition())
	return edge.Encode(w, http.StatusOK, callOf(res.GetCall()))
}

func (s *Service) getCalls(w http.ResponseWriter, r *http.Request) error {
	size, token, err := edge.Page(r)
	if err != nil {
		return err
	}
	f, err := filterOf(r.URL.Query())
	if err != nil {
		return err
	}
	res, err := s.ListCalls(r.Context(), &transcriptv1.ListCallsRequest{
		PageSize: size, PageToken: token, MinPosition: edge.Position(r), Filter: f,
	})
	if err != nil {
		return err
	}
	calls := make([]callJSON, 0, len(res.GetCalls()))
	for _, c := range res.GetCalls() {
		calls = append(calls, callOf(c))
	}
	edge.SetPosition(w, res.GetPosition())
	return edge.Encode(w, http.StatusOK, map[string]any{"calls": calls, "nextPageToken": res.GetNextPageToken()})
}

func (s *Service) getCall(w http.ResponseWriter, r *http.Request) error {
	res, err := s.GetCall(r.Context(), &transcriptv1.GetCallRequest{
		CallId: r.PathValue("call"), MinPosition: edge.Position(r),
	})
	if err != nil {
		return err
	}
	edge.SetPosition(w, res.GetPosition())
	return edge.Encode(w, http.StatusOK, callOf(res.GetCall()))
}

// revisionOf is the revision that a request names, 0 where it names none.
func revisionOf(r *http.Request) (uint32, error) {
	text := r.URL.Query().Get("revision")
	if text == "" {
		return 0, nil
	}
	revision, err := strconv.ParseUint(text, 10, 32)
	if err != nil || revision == 0 {
		return 0, fault.New(fault.Invalid, "FIELD_INVALID", fault.Field("revision"))
	}
	return uint32(revision), nil
}

func (s *Service) getTranscript(w http.ResponseWriter, r *http.Request) error {
	revision, err := revisionOf(r)
	if err != nil {
		return err
	}
	res, err := s.GetTranscript(r.Context(), &transcriptv1.GetTranscriptRequest{
		CallId: r.PathValue("call"), Revision: revision, MinPosition: edge.Position(r),
	})
	if err != nil {
		return err
	}
	list := make([]utteranceJSON, 0, len(res.GetUtterances()))
	for _, u := range res.GetUtterances() {
		list = append(list, utteranceJSONOf(u))
	}
	edge.SetPosition(w, res.GetPosition())
	return edge.Encode(w, http.StatusOK, map[string]any{
		"callId": res.GetCallId(), "state": res.GetState(), "revision": res.GetRevision(), "utterances": list,
	})
}

func (s *Service) getReceipt(w http.ResponseWriter, r *http.Request) error {
	res, err := s.GetReceipt(r.Context(), &transcriptv1.GetReceiptRequest{
		CallId: r.PathValue("call"), MinPosition: edge.Position(r),
	})
	if err != nil {
		return err
	}
	edge.SetPosition(w, res.GetPosition())
	return edge.Encode(w, http.StatusOK, receiptJSONOf(res.GetReceipt()))
}
