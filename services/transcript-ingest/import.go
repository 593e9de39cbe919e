package ingest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/services/internal/chars"
	"github.com/kikigaki/kikigaki/services/internal/edge"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

const (
	maxImport = 64 << 20 // bytes of a file
	maxLine   = 4 << 20  // bytes of a dialogue
)

// postImport takes a file of whole calls, one a line, and never holds more than one of them. Each line stands for
// itself: what is refused is named, the rest is in. Trouble of ours ends the import; sent again, what was in is
// recognised.
func (s *Service) postImport(w http.ResponseWriter, r *http.Request) error {
	caller, err := callerOf(r.Context())
	if err != nil {
		return err
	}
	if err := chars.OneOf("format", r.URL.Query().Get("format"), "", "auto", "jsonl"); err != nil {
		return err
	}
	in := &importing{s: s, by: caller, out: importJSON{Calls: []importedCall{}, Refused: []refusedLine{}}}
	lines := bufio.NewReaderSize(http.MaxBytesReader(w, r.Body, maxImport), 64<<10)
	for n := 1; ; n++ {
		line, err := readLine(lines, maxLine)
		if errors.Is(err, io.EOF) {
			break
		}
		if errors.Is(err, errUnreadable) {
			return bodyFault(err)
		}
		if err == nil && len(line) == 0 {
			continue
		}
		if err == nil {
			err = in.line(r.Context(), line)
		}
		if err := in.refuse(n, err); err != nil {
			return err
		}
	}
	edge.SetPosition(w, s.including(in.written))
	return edge.Encode(w, http.StatusOK, in.out)
}

// bodyFault says why a body cannot be read to its end.
func bodyFault(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge("BODY_TOO_LARGE", "", maxImport)
	}
	return fault.New(fault.Invalid, "INVALID", fault.Wrapping(err))
}

// importing is one file on its way in.
type importing struct {
	s       *Service
	by      identity.Caller
	out     importJSON
	written stream.Position
}

// refuse notes why a line was not taken. It returns the error when that is not the line's fault.
func (in *importing) refuse(n int, err error) error {
	f, _ := fault.As(err)
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Unprocessable, fault.TooLarge, fault.Gone:
		in.out.Refused = append(in.out.Refused, refusedLine{Line: n, Field: f.Field, Code: f.Code})
		return nil
	default:
		return err
	}
}

// line brings in one call, from its opening to its end. Everything is checked before anything is written, but what only
// the call itself can say: that it is erased, or has no room left.
func (in *importing) line(ctx context.Context, line []byte) error {
	d, err := parseDialogue(line)
	if err != nil {
		return err
	}
	entries, err := entriesOf(d.utterances(), timestamppb.New(time.Now()))
	if err != nil {
		return err
	}
	if len(entries) > maxEntries {
		return tooLarge("CALL_TOO_LARGE", "utterances", maxEntries)
	}
	done := importedCall{CallID: d.ID}
	r, details := ref{in.by.Tenant, d.ID}, d.details()
	for head, rest := firstAppend(entries); len(head) > 0; head, rest = firstAppend(rest) {
		res, pos, err := in.s.take(ctx, in.by, r, details, head)
		if err != nil {
			return err
		}
		in.written = furthest(in.written, pos)
		details = nil // said once
		done.Accepted += res.GetAccepted()
		done.Duplicates += res.GetDuplicates()
		done.Corrected += res.GetCorrected()
		done.Revision = res.GetRevision()
	}
	pos, err := in.s.end(ctx, in.by, r, nil, endByImport)
	if err != nil {
		return err
	}
	in.written = furthest(in.written, pos)
	in.out.Calls = append(in.out.Calls, done)
	return nil
}

// parseDialogue reads a line; members that it does not know mean nothing to us.
func parseDialogue(line []byte) (d dialogue, err error) {
	if !utf8.Valid(line) {
		return d, fault.New(fault.Invalid, "INVALID", fault.Param("reason", "not UTF-8"))
	}
	if err := json.Unmarshal(line, &d); err != nil {
		if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return d, fault.New(fault.Invalid, "INVALID", fault.Field(kind.Field), fault.Wrapping(err))
		}
		return d, fault.New(fault.Invalid, "INVALID", fault.Wrapping(err))
	}
	return d, first([]error{
		checkID("id", d.ID), chars.OneLine("source", d.Source, 0, maxID), chars.OneLine("lang", d.Lang, 0, maxID),
	})
}
