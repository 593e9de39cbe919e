package ingest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"mime"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/services/internal/edge"
)

// Types of events that publishers send. Their data is JSON with the members of the HTTP API, or a message of
// kikigaki.transcript.v1. The call is named by callId in it, else by the attribute subject.
const (
	// eventOpened: {callId?, call?}, or AppendUtterancesRequest without utterances. Without call.startedAt the call began
	// at the attribute time.
	eventOpened = "kikigaki.call.opened.v1"
	// eventUtterance: {callId?, call?, utterances: […]}, or one utterance {callId?, call?, utteranceId?, text, …}, or
	// AppendUtterancesRequest.
	eventUtterance = "kikigaki.utterance.v1"
	// eventEnded: {callId?, endedAt?}, or EndCallRequest. Without endedAt the call ended at the attribute time.
	eventEnded = "kikigaki.call.ended.v1"
)

// eventOf reads one event as a transport brings it: whole, in the JSON or the protobuf format, or with its attributes in
// headers, whatever their case. Without any header that says so it is whole, in JSON. BODY_TOO_LARGE beyond 512 KiB,
// UNSUPPORTED_MEDIA_TYPE for what is no event.
func eventOf(headers map[string][]string, data []byte) (cloudEvent, error) {
	if len(data) > maxEvent {
		return cloudEvent{}, tooLarge("BODY_TOO_LARGE", "", maxEvent)
	}
	named, contentType := attributes{}, ""
	for header, values := range headers {
		header = strings.ToLower(header)
		name, ours := strings.CutPrefix(header, "ce-")
		switch {
		case ours && len(values) != 1:
			return cloudEvent{}, eventFault(name, "repeated")
		case ours:
			named[name] = values[0]
		case header == "content-type" && len(values) > 0:
			contentType = values[0]
		}
	}
	kind, _, _ := mime.ParseMediaType(contentType)
	switch {
	case kind == typeEvent, contentType == "" && len(named) == 0:
		return structuredEvent(data)
	case kind == typeEventProtobuf:
		return protobufEvent(data)
	case len(named) == 0 || strings.HasPrefix(kind, "application/cloudevents"):
		return cloudEvent{}, unsupportedMedia("", typeEvent)
	}
	return binaryEvent(named, contentType, data)
}

func unsupportedMedia(field, expected string) error {
	return fault.New(fault.UnsupportedMedia, "UNSUPPORTED_MEDIA_TYPE", fault.Field(field), fault.Param("expected", expected))
}

// arrival is what an event says about a call. Its faults name an attribute, or a member of the data as the HTTP API does.
func (e cloudEvent) arrival(at *timestamppb.Timestamp) (arrival, error) {
	if !slices.Contains([]string{eventOpened, eventUtterance, eventEnded}, e.kind) {
		return arrival{}, fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field("type"),
			fault.Param("allowed", strings.Join([]string{eventOpened, eventUtterance, eventEnded}, ", ")))
	}
	read := e.fromJSON
	if e.contentType == typeProtobuf {
		read = e.fromProtobuf
	} else if !isJSON(e.contentType) {
		return arrival{call: e.subject}, unsupportedMedia("datacontenttype", typeJSON)
	}
	in, end, single, err := read()
	if err != nil {
		return arrival{call: cmp.Or(in.GetCallId(), end.GetCallId(), e.subject)}, named(err, single)
	}
	if end != nil {
		end.CallId = cmp.Or(end.GetCallId(), e.subject)
		if end.GetEndedAt() == nil && !e.time.IsZero() {
			end.EndedAt = timestamppb.New(e.time)
		}
		return arrivalOf(nil, end, at)
	}
	in.CallId = cmp.Or(in.GetCallId(), e.subject)
	if e.kind == eventOpened {
		return e.opening(in)
	}
	e.nameUtterances(in.GetUtterances(), single)
	a, err := arrivalOf(in, nil, at)
	return a, named(err, single)
}

// opening is a call without words.
func (e cloudEvent) opening(in *transcriptv1.AppendUtterancesRequest) (arrival, error) {
	a := arrival{call: in.GetCallId(), details: in.GetCall()}
	if len(in.GetUtterances()) > 0 {
		return a, eventFault("utterances", "of another type of event")
	}
	if a.details == nil {
		a.details = &transcriptv1.CallDetails{}
	}
	if a.details.GetStartedAt() == nil && !e.time.IsZero() {
		a.details.StartedAt = timestamppb.New(e.time)
	}
	return a, a.check()
}

// named makes the field of an event's only utterance that of the data.
func named(err error, single bool) error {
	f, ok := fault.As(err)
	if !ok || !single {
		return err
	}
	out := *f
	out.Field = strings.TrimPrefix(f.Field, "utterances[0].")
	return &out
}

// nameUtterances gives utterances without an id one that is made of the event's id and source, which are the same
// whenever it is delivered, and no other event's.
func (e cloudEvent) nameUtterances(list []*transcriptv1.NewUtterance, single bool) {
	for i, u := range list {
		if u.GetUtteranceId() != "" {
			continue
		}
		u.UtteranceId = e.utteranceID()
		if !single {
			u.UtteranceId += "-" + strconv.Itoa(i)
		}
	}
}

// utteranceID is the event's id with a hash of its source; of an id that is too long or not plain, a hash too.
func (e cloudEvent) utteranceID() string {
	const room = 200 // characters, for what is put behind it
	if utf8.RuneCountInString(e.id) > room || strings.ContainsFunc(e.id, unicode.IsControl) {
		sum := sha256.Sum256([]byte(e.source + "\x00" + e.id))
		return "event-" + hex.EncodeToString(sum[:])
	}
	sum := sha256.Sum256([]byte(e.source))
	return e.id + "@" + hex.EncodeToString(sum[:8])
}

// fromJSON reads the data of an event; single tells that it is one utterance by itself.
func (e cloudEvent) fromJSON() (
	in *transcriptv1.AppendUtterancesRequest, end *transcriptv1.EndCallRequest, single bool, err error,
) {
	members := map[string]json.RawMessage{}
	if len(e.data) > 0 {
		if err := readJSON(e.data, &members); err != nil {
			return nil, nil, false, named(err, false)
		}
	}
	var call string
	if value, ok := members["callId"]; ok && json.Unmarshal(value, &call) != nil {
		return nil, nil, false, fault.New(fault.Invalid, "INVALID", fault.Field("callId"), fault.Param("reason", "not a string"))
	}
	delete(members, "callId")
	if e.kind == eventEnded {
		var body struct {
			EndedAt *time.Time `json:"endedAt"`
		}
		err := decodeMembers(members, &body)
		return nil, &transcriptv1.EndCallRequest{CallId: call, EndedAt: stamp(body.EndedAt)}, false, err
	}
	if _, list := members["utterances"]; e.kind == eventUtterance && !list {
		single = true
		about := members["call"]
		delete(members, "call")
		one, err := json.Marshal(members)
		if err != nil {
			return nil, nil, false, err
		}
		members = map[string]json.RawMessage{"utterances": slices.Concat([]byte("["), one, []byte("]"))}
		if about != nil {
			members["call"] = about
		}
	}
	var body appendBody
	err = decodeMembers(members, &body)
	return body.request(call), nil, single, err
}

// decodeMembers reads what is left of an object as the HTTP API would.
func decodeMembers(members map[string]json.RawMessage, out any) error {
	text, err := json.Marshal(members)
	if err != nil {
		return err
	}
	return edge.Unmarshal(string(text), out)
}

// fromProtobuf reads the data of an event.
func (e cloudEvent) fromProtobuf() (
	in *transcriptv1.AppendUtterancesRequest, end *transcriptv1.EndCallRequest, single bool, err error,
) {
	var m proto.Message
	if e.kind == eventEnded {
		end = &transcriptv1.EndCallRequest{}
		m = end
	} else {
		in = &transcriptv1.AppendUtterancesRequest{}
		m = in
	}
	if err := proto.Unmarshal(e.data, m); err != nil {
		return in, end, false, fault.New(fault.Invalid, "INVALID", fault.Field("data"), fault.Param("reason", "not protobuf"))
	}
	return in, end, false, nil
}
