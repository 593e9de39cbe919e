package ingest

import (
	"bytes"
	"iter"
	"net/http"

	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/services/internal/chars"
	"github.com/kikigaki/kikigaki/services/internal/edge"
	"github.com/kikigaki/kikigaki/services/internal/formats"
)

// getExport answers with a call as a file, vCon unless ?format=jsonl, at its newest or at an earlier revision. What comes
// out here comes in again as it was.
func (s *Service) getExport(w http.ResponseWriter, r *http.Request) error {
	format := r.URL.Query().Get("format")
	if err := chars.OneOf("format", format, "", string(formats.VCon), string(formats.JSONL)); err != nil {
		return err
	}
	if format == "" {
		format = string(formats.VCon)
	}
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
	var file bytes.Buffer // whole before it is sent: half a call must not look like one
	if err := formats.Write(&file, formats.Format(format), one(res)); err != nil {
		return err
	}
	edge.SetPosition(w, res.GetPosition())
	w.Header().Set("Content-Type", "application/"+format)
	w.Header().Set("Content-Disposition", "attachment; filename=call."+format)
	_, _ = w.Write(file.Bytes()) // an error is the client's going: there is nobody to tell
	return nil
}

// one is a sequence of one call.
func one(res *transcriptv1.GetTranscriptResponse) iter.Seq2[formats.Export, error] {
	return func(yield func(formats.Export, error) bool) {
		yield(formats.Export{Call: res.GetCall(), Utterances: res.GetUtterances()}, nil)
	}
}
