package ingest

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
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
	// maxStored is how large one append may be as it is stored, ids and labels included, in bytes. It is stored as one
	// message, all or nothing, and the log takes messages of at most 1 MiB.
	maxStored = 768 << 10
)

// Kinds of utterances.
const (
	kindUtterance = "utterance"
	// kindLost marks where the connection to the recogniser failed.
	kindLost = "recognizer_lost"
)

// passage is words that go into one append, and how large they are: to measure them costs something, so it is done once.
type passage struct {
	words        []*eventv1.Entry
	text, stored int // bytes of the words' text, and of all of them as they are stored
}

// passageOf checks what a publisher sends in one append and makes entries of it, as entriesOf does. BODY_TOO_LARGE when
// it is more than one append may hold.
func passageOf(in []*transcriptv1.NewUtterance, at *timestamppb.Timestamp) (passage, error) {
	if len(in) > maxUtterances {
		return passage{}, tooLarge("BODY_TOO_LARGE", "utterances", maxUtterances)
	}
	all, err := entriesOf(in, at)
	if err != nil {
		return passage{}, err
	}
	out, rest := firstPassage(all)
	if len(rest) > 0 {
		return passage{}, tooLarge("BODY_TOO_LARGE", fmt.Sprintf("utterances[%d]", len(out.words)), maxAppend)
	}
	return out, nil
}

// firstPassage cuts off the head of a list of entries: as many as one append may hold.
func firstPassage(entries []*eventv1.Entry) (head passage, rest []*eventv1.Entry) {
	for i, e := range entries {
		text, stored := head.text+len(e.GetText()), head.stored+storedSize(e)
		if i == maxUtterances || text > maxAppend || stored > maxStored {
			return head, entries[i:]
		}
		head = passage{entries[:i+1], text, stored}
	}
	return head, nil
}

// storedSize is how many bytes an entry takes in an event, at the most.
func storedSize(e *eventv1.Entry) int {
	const header = 4 // of a field of up to 2 MiB in a message
	return proto.Size(e) + header
}

// entriesOf checks utterances and makes entries of them. What real recognisers send is accepted as it is: noise, empty
// text, overlaps, times that run backwards. Faults name the field, as utterances[3].text: FIELD_REQUIRED,
// FIELD_TOO_LONG, FIELD_INVALID, UTTERANCE_TOO_LARGE.
func entriesOf(in []*transcriptv1.NewUtterance, at *timestamppb.Timestamp) ([]*eventv1.Entry, error) {
	if len(in) == 0 {
		return nil, fault.New(fault.Unprocessable, "FIELD_REQUIRED", fault.Field("utterances"), fault.Param("min", "1"))
	}
	out := make([]*eventv1.Entry, 0, len(in))
	for i, u := range in {
		e := &eventv1.Entry{
			UtteranceId: u.GetUtteranceId(), Version: u.GetVersion(), Order: u.GetOrder(), Kind: u.GetKind(),
			Speaker: u.GetSpeaker(), Text: u.GetText(), StartSec: u.StartSec, DurationSec: u.DurationSec,
			Vendor: u.GetVendor(), ReceivedAt: at,
		}
		if e.GetKind() == "" {
			e.Kind = kindUtterance
		}
		if checkEntry("", e) != nil { // where it is costs something to say, and few are wrong
			return nil, checkEntry(fmt.Sprintf("utterances[%d].", i), e)
		}
		out = append(out, e)
	}
	return out, nil
}

func checkEntry(at string, e *eventv1.Entry) error {
	if len(e.GetText()) > maxText {
		return tooLarge("UTTERANCE_TOO_LARGE", at+"text", maxText)
	}
	return first([]error{
		checkID(at+"utteranceId", e.GetUtteranceId()),
		chars.OneOf(at+"kind", e.GetKind(), kindUtterance, kindLost),
		chars.OneLine(at+"speaker", e.GetSpeaker(), 0, maxID),
		chars.OneLine(at+"vendor", e.GetVendor(), 0, maxID),
		checkSeconds(at+"startSec", e.StartSec),
		checkSeconds(at+"durationSec", e.DurationSec),
		checkUTF8(at+"text", e.GetText()),
		checkUTF8(at+"speaker", e.GetSpeaker()),
		checkUTF8(at+"vendor", e.GetVendor()),
	})
}

func tooLarge(code, field string, limit int) error {
	return fault.New(fault.TooLarge, code, fault.Field(field), fault.Param("limit", strconv.Itoa(limit)))
}

// checkID checks a publisher's id: 1 to 255 characters, no control characters. It is kept letter by letter.
func checkID(field, value string) error {
	if err := checkUTF8(field, value); err != nil {
		return err
	}
	switch n := utf8.RuneCountInString(value); {
	case n == 0:
		return fault.New(fault.Unprocessable, "FIELD_REQUIRED", fault.Field(field), fault.Param("min", "1"))
	case n > maxID:
		return fault.New(fault.Unprocessable, "FIELD_TOO_LONG", fault.Field(field),
			fault.Param("limit", strconv.Itoa(maxID)), fault.Param("length", strconv.Itoa(n)))
	case strings.ContainsFunc(value, unicode.IsControl):
		return fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field(field), fault.Param("reason", "control_character"))
	}
	return nil
}

// checkUTF8 refuses what cannot be stored as text.
func checkUTF8(field, value string) error {
	if utf8.ValidString(value) {
		return nil
	}
	return fault.New(fault.Invalid, "FIELD_INVALID", fault.Field(field), fault.Param("reason", "not UTF-8"))
}

// checkSeconds accepts any time that can be written down; backwards and overlapping ones are what recognisers produce.
func checkSeconds(field string, v *float64) error {
	const most = 1e9 // thirty years; not a number is no time either
	if v == nil || *v >= -most && *v <= most {
		return nil
	}
	return fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field(field))
}
