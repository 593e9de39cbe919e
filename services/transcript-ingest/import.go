package ingest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/kikigaki/kikigaki/pkg/fault"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/services/internal/chars"
	"github.com/kikigaki/kikigaki/services/internal/edge"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

const (
	maxImport = 64 << 20 // bytes of a file
	maxLine   = 4 << 20  // bytes of a dialogue
)

// dialogue is a line of a JSON Lines file: a whole call.
type dialogue struct {
	Source     string `json:"source"`
	ID         string `json:"id"`
	Lang       string `json:"lang"`
	Utterances []struct {
		Speaker     string   `json:"speaker"`
		Text        string   `json:"text"`
		StartSec    *float64 `json:"start_sec"`
		DurationSec *float64 `json:"duration_sec"`
	} `json:"utterances"`
}

type importedCall struct {
	CallID     string `json:"callId"`
	Accepted   uint32 `json:"accepted"`
	Duplicates uint32 `json:"duplicates"`
	Corrected  uint32 `json:"corrected"`
	Revision   uint32 `json:"revision"`
}

type refusedLine struct {
	Line  int    `json:"line"`
	Field string `json:"field"`
	Code  string `json:"code"`
}

// postImport takes a file of whole calls, one a line. Each line stands for itself: what is refused is named, the rest
// is in. Trouble of ours ends the import; sent again, what was in is recognised.
func (s *Service) postImport(w http.ResponseWriter, r *http.Request) error {
	format := r.URL.Query().Get("format")
	if err := chars.OneOf("format", format, "", "auto", "jsonl"); err != nil {
		return err
	}
	calls, refused := []importedCall{}, []refusedLine{}
	lines := bufio.NewReaderSize(http.MaxBytesReader(w, r.Body, maxImport), 64<<10)
	for n := 1; ; n++ {
		line, err := readLine(lines)
		if errors.Is(err, io.EOF) && len(line) == 0 {
			break
		}
		if errors.Is(err, errFileTooLarge) {
			return fault.New(fault.TooLarge, "BODY_TOO_LARGE", fault.Param("limit", strconv.Itoa(maxImport)))
		}
		var done importedCall
		if err == nil || errors.Is(err, io.EOF) {
			done, err = s.importLine(r.Context(), line)
		}
		switch f, _ := fault.As(err); {
		case err == nil && done.CallID != "":
			calls = append(calls, done)
		case err == nil: // an empty line
		case f.Kind == fault.Invalid, f.Kind == fault.Unprocessable, f.Kind == fault.TooLarge, f.Kind == fault.Gone:
			refused = append(refused, refusedLine{Line: n, Field: f.Field, Code: f.Code})
		default:
			return err
		}
	}
	return edge.Encode(w, http.StatusOK, map[string]any{"calls": calls, "refused": refused})
}

// errFileTooLarge says that a file is longer than 64 MiB; lines before that place are in.
var errFileTooLarge = errors.New("ingest: file too large")

// readLine reads a line of at most 4 MiB; of a longer one the rest is passed over.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	long := false
	for {
		piece, err := r.ReadSlice('\n')
		if len(line)+len(piece) > maxLine {
			line, long = nil, true
		}
		if !long {
			line = append(line, piece...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		var tooMuch *http.MaxBytesError
		switch {
		case errors.As(err, &tooMuch):
			return nil, errFileTooLarge
		case long && (err == nil || errors.Is(err, io.EOF)):
			return nil, fault.New(fault.TooLarge, "BODY_TOO_LARGE", fault.Param("limit", strconv.Itoa(maxLine)))
		}
		return bytes.TrimSpace(line), err
	}
}

// importLine brings in one call, from its opening to its end.
func (s *Service) importLine(ctx context.Context, line []byte) (importedCall, error) {
	if len(line) == 0 {
		return importedCall{}, nil
	}
	var d dialogue
	if err := json.Unmarshal(line, &d); err != nil {
		return importedCall{}, fault.New(fault.Invalid, "INVALID", fault.Wrapping(err))
	}
	out := importedCall{CallID: d.ID}
	for _, req := range d.appends() {
		res, err := s.AppendUtterances(ctx, req)
		if err != nil {
			return out, err
		}
		out.Accepted += res.GetAccepted()
		out.Duplicates += res.GetDuplicates()
		out.Corrected += res.GetCorrected()
		out.Revision = res.GetRevision()
	}
	caller, err := identity.From(ctx)
	if err != nil {
		return out, err
	}
	_, err = s.end(ctx, caller, ref{caller.Tenant, d.ID}, nil, endByImport)
	return out, err
}

// appends cuts a dialogue into as few appends as the limits allow. An utterance's id is its place in the dialogue,
// counted from 0, so that the same file again is recognised.
func (d dialogue) appends() []*transcriptv1.AppendUtterancesRequest {
	details := &transcriptv1.CallDetails{Label: d.ID, Labels: map[string]string{}}
	for k, v := range map[string]string{"source": d.Source, "lang": d.Lang} {
		if v != "" {
			details.Labels[k] = v
		}
	}
	open := func() *transcriptv1.AppendUtterancesRequest {
		return &transcriptv1.AppendUtterancesRequest{CallId: d.ID, Call: details}
	}
	out := []*transcriptv1.AppendUtterancesRequest{open()}
	size := 0
	for i, u := range d.Utterances {
		last := out[len(out)-1]
		more := len(u.Text) + len(u.Speaker) + len(strconv.Itoa(i))
		if n := len(last.GetUtterances()); n == maxUtterances || n > 0 && size+more > maxAppend {
			last, size = open(), 0
			out = append(out, last)
		}
		size += more
		last.Utterances = append(last.Utterances, &transcriptv1.NewUtterance{
			UtteranceId: strconv.Itoa(i), Speaker: u.Speaker, Text: u.Text, StartSec: u.StartSec, DurationSec: u.DurationSec,
		})
	}
	return out
}
