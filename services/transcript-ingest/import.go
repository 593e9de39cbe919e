package ingest

import (
	"context"
	"errors"
	"net/http"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/services/internal/chars"
	"github.com/kikigaki/kikigaki/services/internal/edge"
	"github.com/kikigaki/kikigaki/services/internal/formats"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// maxImport bounds a file, in bytes.
const maxImport = 64 << 20

// postImport takes a file of whole calls and never holds more than one of them. Each call stands for itself: what is
// refused is named, the rest is in. Trouble of ours ends the import; sent again, what was in is recognised.
func (s *Service) postImport(w http.ResponseWriter, r *http.Request) error {
	caller, err := callerOf(r.Context())
	if err != nil {
		return err
	}
	options, err := importOptions(r)
	if err != nil {
		return err
	}
	in := &importing{s: s, by: caller, out: importJSON{Calls: []importedCall{}, Refused: []refusedLine{}}}
	for doc, err := range formats.Read(http.MaxBytesReader(w, r.Body, maxImport), options) { //nolint:contextcheck // reading a body knows no context
		if err != nil {
			return bodyFault(err)
		}
		err = doc.Err
		if err == nil {
			err = in.call(r.Context(), doc)
		}
		if err := in.refuse(doc.Line, err); err != nil {
			return err
		}
	}
	edge.SetPosition(w, s.including(in.written))
	return edge.Encode(w, http.StatusOK, in.out)
}

// importOptions are what a request says about its file: the format, auto (or nothing) to have it recognised, and the
// call's id for formats that name none.
func importOptions(r *http.Request) (formats.Options, error) {
	allowed := []string{"", "auto"}
	for _, f := range formats.Formats() {
		allowed = append(allowed, string(f.Name))
	}
	query := r.URL.Query()
	options := formats.Options{Format: formats.Format(query.Get("format")), CallID: query.Get("call")}
	if err := chars.OneOf("format", string(options.Format), allowed...); err != nil {
		return options, err
	}
	if options.Format == "auto" {
		options.Format = ""
	}
	if options.CallID != "" {
		return options, checkID("call", options.CallID)
	}
	return options, nil
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

// refuse notes why a document was not taken. It returns the error when that is not the document's fault.
func (in *importing) refuse(line int, err error) error {
	f, _ := fault.As(err)
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Unprocessable, fault.TooLarge, fault.Gone:
		in.out.Refused = append(in.out.Refused, refusedLine{Line: line, Field: f.Field, Code: f.Code})
		return nil
	default:
		return err
	}
}

// call brings in one call, from its opening to its end. Everything is checked before anything is written, but what only
// the call itself can say: that it is erased, or has no room left. A call of which nothing was said comes in without
// words.
func (in *importing) call(ctx context.Context, doc formats.Document) error {
	c := doc.Call
	entries, err := in.check(c)
	if err != nil {
		return err
	}
	done := importedCall{CallID: c.ID, Format: string(doc.Format)}
	r, details := ref{in.by.Tenant, c.ID}, c.Details
	for first := true; first || len(entries) > 0; first = false {
		head, rest := firstPassage(entries)
		res, pos, err := in.s.take(ctx, in.by, r, details, head)
		if err != nil {
			return err
		}
		in.written = furthest(in.written, pos)
		details, entries = nil, rest // said once
		done.add(res)
	}
	pos, err := in.s.end(ctx, in.by, r, endOf(c), endByImport)
	if err != nil {
		return err
	}
	in.written = furthest(in.written, pos)
	in.out.Calls = append(in.out.Calls, done)
	return nil
}

// check checks a whole call as appends are checked, and makes entries of its words.
func (in *importing) check(c *formats.Call) ([]*eventv1.Entry, error) {
	err := first([]error{checkID("id", c.ID), checkDetails(c.Details), checkTime("endedAt", endOf(c))})
	if err != nil || len(c.Utterances) == 0 {
		return nil, err
	}
	entries, err := entriesOf(c.Utterances, timestamppb.New(time.Now()))
	if err == nil && len(entries) > maxEntries {
		err = tooLarge("CALL_TOO_LARGE", "utterances", maxEntries)
	}
	return entries, err
}

// endOf is when a call ended, as its file says; nil where it does not.
func endOf(c *formats.Call) *timestamppb.Timestamp {
	if c.EndedAt.IsZero() {
		return nil
	}
	return timestamppb.New(c.EndedAt)
}
