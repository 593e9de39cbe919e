package ingest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

// Limits of CloudEvents.
const (
	maxEvent       = 512 << 10 // bytes of one, with its attributes
	maxEventBatch  = 4 << 20   // bytes of a batch
	maxBatchEvents = 1000
	// maxAttribute bounds an id, a source, a subject, in bytes; what is longer is a mistake.
	maxAttribute = 2048
)

// Media types of whole events.
const (
	typeEvent         = "application/cloudevents+json"
	typeEventBatch    = "application/cloudevents-batch+json"
	typeEventProtobuf = "application/cloudevents+protobuf"
	typeJSON          = "application/json"
	typeProtobuf      = "application/protobuf"
)

// cloudEvent is a CloudEvent 1.0 as far as it means something to us: the attributes of the core specification and the data.
// Extension attributes are checked for their form and dropped.
//
// It is read here and not by the project's SDK: of that, a codec for each transport, a client and a router of its own would
// come along, while what we need of it is the form of a dozen attributes, and errors that name the attribute at fault.
type cloudEvent struct {
	id, source, kind, subject string
	time                      time.Time
	contentType               string // without parameters; of what data holds
	data                      []byte
}

// eventFault names the attribute at fault.
func eventFault(field, reason string) error {
	return fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field(field), fault.Param("reason", reason))
}

// attributes are those of an event as text, by name.
type attributes map[string]string

// event checks attributes against the core specification.
func (a attributes) event() (e cloudEvent, err error) {
	for _, name := range []string{"specversion", "id", "source", "type"} {
		if a[name] == "" {
			return e, fault.New(fault.Unprocessable, "FIELD_REQUIRED", fault.Field(name), fault.Param("min", "1"))
		}
	}
	if a["specversion"] != "1.0" {
		return e, fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field("specversion"), fault.Param("allowed", "1.0"))
	}
	for _, name := range slices.Sorted(maps.Keys(a)) { // of several wrong ones the same is named each time
		if err := checkAttribute(name, a[name]); err != nil {
			return e, err
		}
	}
	e = cloudEvent{id: a["id"], source: a["source"], kind: a["type"], subject: a["subject"]}
	if at := a["time"]; at != "" {
		e.time, _ = time.Parse(time.RFC3339Nano, at) // checked above
	}
	if kind := a["datacontenttype"]; kind != "" {
		e.contentType, _, _ = mime.ParseMediaType(kind)
	}
	return e, nil
}

func checkAttribute(name, value string) error {
	plain := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }
	switch {
	case name == "" || strings.ContainsFunc(name, plain):
		return eventFault(name, "attribute_name")
	case value == "":
		return eventFault(name, "empty")
	case !utf8.ValidString(value):
		return eventFault(name, "not UTF-8")
	case len(value) > maxAttribute:
		return fault.New(fault.Unprocessable, "FIELD_TOO_LONG", fault.Field(name),
			fault.Param("limit", strconv.Itoa(maxAttribute)), fault.Param("length", strconv.Itoa(len(value))))
	}
	switch name {
	case "time":
		if _, err := time.Parse(time.RFC3339Nano, value); err != nil {
			return eventFault(name, "not RFC 3339")
		}
	case "source":
		if _, err := url.Parse(value); err != nil {
			return eventFault(name, "not a URI reference")
		}
	case "dataschema":
		if u, err := url.Parse(value); err != nil || !u.IsAbs() {
			return eventFault(name, "not an absolute URI")
		}
	case "datacontenttype":
		if kind, _, err := mime.ParseMediaType(value); err != nil || !strings.Contains(kind, "/") {
			return eventFault(name, "not a media type")
		}
	}
	return nil
}

// structuredEvent reads an event in the JSON format. A null stands for an attribute that is not there.
func structuredEvent(text []byte) (e cloudEvent, err error) {
	var members map[string]json.RawMessage
	if err := readJSON(text, &members); err != nil {
		return e, err
	}
	maps.DeleteFunc(members, func(_ string, value json.RawMessage) bool { return string(value) == "null" })
	data, plain := members["data"]
	encoded, binary := members["data_base64"]
	delete(members, "data")
	delete(members, "data_base64")
	all := attributes{}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if all[name], err = attributeOf(name, members[name]); err != nil {
			return e, err
		}
		if all[name] == "" {
			return e, emptyAttribute(name)
		}
	}
	if plain && binary {
		return e, eventFault("data_base64", "beside data")
	}
	if e, err = all.event(); err != nil {
		return e, err
	}
	if e.contentType == "" {
		e.contentType = typeJSON
	}
	if e.data = data; binary {
		e.data, err = base64Of(encoded)
	} else if plain && !isJSON(e.contentType) {
		var as string
		if json.Unmarshal(data, &as) == nil { // the text itself; where it is none, what stands there
			e.data = []byte(as)
		}
	}
	return e, err
}

// emptyAttribute is what is wrong with an attribute that is there and empty.
func emptyAttribute(name string) error {
	if slices.Contains([]string{"specversion", "id", "source", "type"}, name) {
		return fault.New(fault.Unprocessable, "FIELD_REQUIRED", fault.Field(name), fault.Param("min", "1"))
	}
	return eventFault(name, "empty")
}

// readJSON reads one value. What is no JSON is INVALID.
func readJSON(text []byte, out any) error {
	if !utf8.Valid(text) {
		return fault.New(fault.Invalid, "INVALID", fault.Param("reason", "not UTF-8"))
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(out); err != nil {
		return fault.New(fault.Invalid, "INVALID", fault.Param("reason", err.Error()))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fault.New(fault.Invalid, "INVALID", fault.Param("reason", "more than one value"))
	}
	return nil
}

// coreAttributes are those of the core specification; all of them are text.
func coreAttributes() []string {
	return []string{"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema"}
}

// attributeOf is an attribute as text. Extensions may also be booleans, and integers of 32 bits.
func attributeOf(name string, value json.RawMessage) (string, error) {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text, nil
	}
	if slices.Contains(coreAttributes(), name) {
		return "", eventFault(name, "not a string")
	}
	var flag bool
	var number int32
	if json.Unmarshal(value, &flag) == nil || json.Unmarshal(value, &number) == nil {
		return string(value), nil
	}
	return "", eventFault(name, "not a string, boolean or integer")
}

func base64Of(value json.RawMessage) ([]byte, error) {
	var text string
	err := json.Unmarshal(value, &text)
	if err == nil {
		var data []byte
		if data, err = base64.StdEncoding.DecodeString(text); err == nil {
			return data, nil
		}
	}
	return nil, fault.New(fault.Invalid, "INVALID", fault.Field("data_base64"), fault.Param("reason", err.Error()))
}

func isJSON(contentType string) bool {
	return contentType == typeJSON || strings.HasSuffix(contentType, "+json")
}

// binaryEvent reads an event whose attributes came as headers, by their names without "ce-" in lower case, and its data as
// the body. Values are percent-decoded; what is no escape stands for itself.
func binaryEvent(headers attributes, contentType string, data []byte) (cloudEvent, error) {
	all := attributes{}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if all[name] = headerValue(headers[name]); all[name] == "" {
			return cloudEvent{}, emptyAttribute(name)
		}
	}
	if contentType != "" {
		all["datacontenttype"] = contentType
	}
	e, err := all.event()
	if e.data = data; e.contentType == "" {
		e.contentType = typeJSON
	}
	return e, err
}

// headerValue decodes the value of a header: without the quotes that some put around it, and without escapes.
func headerValue(value string) string {
	value = strings.TrimSpace(value)
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		value = strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(value[1 : len(value)-1])
	}
	var out strings.Builder
	for value != "" {
		if len(value) >= 3 && value[0] == '%' {
			if b, err := strconv.ParseUint(value[1:3], 16, 8); err == nil {
				out.WriteByte(byte(b))
				value = value[3:]
				continue
			}
		}
		out.WriteByte(value[0])
		value = value[1:]
	}
	return out.String()
}
