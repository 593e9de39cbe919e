package ingest

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/services/internal/chars"
)

// Limits of what publishers send.
const (
	maxUtterances = 500       // in one append
	maxAppend     = 512 << 10 // bytes of text in one append
	maxText       = 16 << 10  // bytes of one utterance
	maxEntries    = 20_000    // of one call
	maxID         = 255       // characters of an id, a speaker, a vendor
)

// Kinds of utterances.
const (
	kindUtterance = "utterance"
	// kindLost marks where the connection to the recogniser failed.
	kindLost = "recognizer_lost"
)

// entriesOf checks what a publisher sent and makes entries of it. What real recognisers send is accepted as it is:
// noise, empty text, overlaps, times that run backwards. Faults name the field, as utterances[3].text.
func entriesOf(in []*transcriptv1.NewUtterance, at *timestamppb.Timestamp) ([]*eventv1.Entry, error) {
	if len(in) == 0 {
		return nil, fault.New(fault.Unprocessable, "FIELD_REQUIRED", fault.Field("utterances"), fault.Param("min", "1"))
	}
	if len(in) > maxUtterances {
		return nil, tooLarge("BODY_TOO_LARGE", "utterances", maxUtterances)
	}
	out := make([]*eventv1.Entry, 0, len(in))
	size := 0
	for i, u := range in {
		e, err := entryOf(fmt.Sprintf("utterances[%d].", i), u, at)
		if err != nil {
			return nil, err
		}
		if size += len(e.GetText()) + len(e.GetUtteranceId()) + len(e.GetSpeaker()); size > maxAppend {
			return nil, tooLarge("BODY_TOO_LARGE", "utterances", maxAppend)
		}
		out = append(out, e)
	}
	return out, nil
}

func tooLarge(code, field string, limit int) error {
	return fault.New(fault.TooLarge, code, fault.Field(field), fault.Param("limit", strconv.Itoa(limit)))
}

func entryOf(at string, u *transcriptv1.NewUtterance, received *timestamppb.Timestamp) (*eventv1.Entry, error) {
	e := &eventv1.Entry{
		UtteranceId: u.GetUtteranceId(), Version: u.GetVersion(), Order: u.GetOrder(), Kind: u.GetKind(),
		Speaker: u.GetSpeaker(), Text: u.GetText(), StartSec: u.StartSec, DurationSec: u.DurationSec,
		Vendor: u.GetVendor(), ReceivedAt: received,
	}
	if e.GetKind() == "" {
		e.Kind = kindUtterance
	}
	if len(e.GetText()) > maxText {
		return nil, tooLarge("UTTERANCE_TOO_LARGE", at+"text", maxText)
	}
	checks := []error{
		id(at+"utteranceId", e.GetUtteranceId()),
		chars.OneOf(at+"kind", e.GetKind(), kindUtterance, kindLost),
		chars.OneLine(at+"speaker", e.GetSpeaker(), 0, maxID),
		chars.OneLine(at+"vendor", e.GetVendor(), 0, maxID),
		seconds(at+"startSec", u.StartSec), seconds(at+"durationSec", u.DurationSec),
	}
	if !utf8.ValidString(e.GetText()) {
		checks = append(checks, fault.New(fault.Invalid, "FIELD_INVALID", fault.Field(at+"text")))
	}
	for _, err := range checks {
		if err != nil {
			return nil, err
		}
	}
	return e, nil
}

// id checks a publisher's id: 1 to 255 characters, no control characters. It is kept letter by letter.
func id(field, value string) error {
	if !utf8.ValidString(value) {
		return fault.New(fault.Invalid, "FIELD_INVALID", fault.Field(field))
	}
	n := utf8.RuneCountInString(value)
	if n == 0 {
		return fault.New(fault.Unprocessable, "FIELD_REQUIRED", fault.Field(field), fault.Param("min", "1"))
	}
	if n > maxID {
		return fault.New(fault.Unprocessable, "FIELD_TOO_LONG", fault.Field(field),
			fault.Param("limit", strconv.Itoa(maxID)), fault.Param("length", strconv.Itoa(n)))
	}
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r >= 0x7f && r <= 0x9f }) {
		return fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field(field), fault.Param("reason", "control_character"))
	}
	return nil
}

// seconds accepts any time that can be written down; backwards and overlapping ones are what recognisers produce.
func seconds(field string, v *float64) error {
	const most = 1e9
	if v == nil || *v >= -most && *v <= most {
		return nil
	}
	return fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field(field))
}

// receipt counts what became of an append.
type receipt struct{ accepted, duplicates, corrected uint32 }

// fresh keeps the entries that are new to a call. An utterance is known by its id: a higher version than any seen is a
// correction, everything else of a known id is a duplicate. highest returns the highest version seen of an id.
func fresh(entries []*eventv1.Entry, highest func(utterance string) (uint32, bool)) (out []*eventv1.Entry, r receipt) {
	seen := map[string]uint32{}
	for _, e := range entries {
		version, known := seen[e.GetUtteranceId()]
		if !known {
			version, known = highest(e.GetUtteranceId())
		}
		switch {
		case !known:
			r.accepted++
		case e.GetVersion() > version:
			r.corrected++
		default:
			r.duplicates++
			continue
		}
		seen[e.GetUtteranceId()] = e.GetVersion()
		out = append(out, e)
	}
	return out, r
}
