package ingest

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

// sample is one of the conformance project's tests.
type sample struct {
	ID, SampleID string
	Event        json.RawMessage
	Batch        []json.RawMessage
}

func samples(t *testing.T, file string) []sample {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "cloudevents", file))
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Tests []sample }
	if err := json.Unmarshal(text, &all); err != nil || len(all.Tests) < 5 {
		t.Fatalf("%d tests, %v", len(all.Tests), err)
	}
	return all.Tests
}

func TestEveryValidSampleOfTheConformanceProjectIsRead(t *testing.T) {
	t.Parallel()
	at := time.Date(2018, 4, 5, 17, 31, 0, 0, time.UTC)
	for _, s := range samples(t, "valid-events.json") {
		e, err := structuredEvent(s.Event)
		if err != nil {
			t.Errorf("%s: %v", s.ID, err)
			continue
		}
		if e.id != s.SampleID || e.kind != "io.cloudevents.test" || e.source == "" {
			t.Errorf("%s: %+v", s.ID, e)
		}
		if strings.HasPrefix(s.ID, "validMinimalWithTime") && !e.time.Equal(at) {
			t.Errorf("%s: %s", s.ID, e.time)
		}
		if s.ID == "validSimpleTextData" && string(e.data) != "Simple text" {
			t.Errorf("%s: %q", s.ID, e.data)
		}
	}
	for _, s := range samples(t, "valid-batches.json") {
		for i, text := range s.Batch {
			if _, err := structuredEvent(text); err != nil {
				t.Errorf("%s[%d]: %v", s.ID, i, err)
			}
		}
	}
}

func TestEveryInvalidSampleOfTheConformanceProjectIsRefusedWithAField(t *testing.T) {
	t.Parallel()
	for _, s := range samples(t, "invalid-events.json") {
		e, err := structuredEvent(s.Event)
		if f, ok := fault.As(err); !ok || f.Field == "" || !refused(err) {
			t.Errorf("%s: %v, read was %+v", s.ID, err, e)
		}
	}
}

func TestAnEventIsTheSameHoweverItComes(t *testing.T) {
	t.Parallel()
	data := `{"callId":"通話","utteranceId":"u","text":"100% はい"}`
	request := &transcriptv1.AppendUtterancesRequest{
		CallId: "通話", Utterances: []*transcriptv1.NewUtterance{{UtteranceId: "u", Text: "100% はい"}},
	}
	raw, err := proto.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := anypb.New(request)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := proto.Marshal(packed)
	if err != nil {
		t.Fatal(err)
	}
	attributes := `{"specversion":"1.0","id":"é 1","source":"/a","type":"kikigaki.utterance.v1","time":"2026-04-01T09:00:00Z",`
	headers := map[string][]string{
		"CE-SpecVersion": {"1.0"}, "ce-id": {"%C3%A9 1"}, "Ce-Source": {`"/a"`}, "ce-type": {"kikigaki.utterance.v1"},
		"ce-time": {"2026-04-01T09:00:00Z"}, "ce-unknown": {"x"},
	}
	with := func(contentType string) map[string][]string {
		out := map[string][]string{"content-type": {contentType}}
		maps.Copy(out, headers)
		return out
	}
	for name, c := range map[string]struct {
		headers map[string][]string
		data    []byte
	}{
		"structured":          {map[string][]string{"Content-Type": {"application/cloudevents+json; charset=UTF-8"}}, []byte(attributes + `"data":` + data + `}`)},
		"without headers":     {nil, []byte(attributes + `"datacontenttype":"application/json","extension":1,"data":` + data + `}`)},
		"base64 of protobuf":  {nil, structuredBase64(t, attributes, raw)},
		"binary":              {with("application/json"), []byte(data)},
		"binary of nothing":   {headers, []byte(data)},
		"binary protobuf":     {with("application/protobuf"), raw},
		"a protobuf event":    {map[string][]string{"Content-Type": {"application/cloudevents+protobuf"}}, protobufOf(8, whole)},
		"one with text in it": {map[string][]string{"Content-Type": {"application/cloudevents+protobuf"}}, protobufOf(7, []byte(data))},
	} {
		e, err := eventOf(c.headers, c.data)
		if err != nil || e.id != "é 1" || e.source != "/a" || !e.time.Equal(time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)) {
			t.Errorf("%s: %+v, %v", name, e, err)
			continue
		}
		a, err := e.arrival(timestamppb.Now())
		if err != nil || a.call != "通話" || len(a.words) != 1 || a.words[0].GetText() != "100% はい" || a.words[0].GetUtteranceId() != "u" {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
}

func structuredBase64(t *testing.T, attributes string, raw []byte) []byte {
	t.Helper()
	text, err := json.Marshal(raw)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(attributes + `"datacontenttype":"application/protobuf","data_base64":` + string(text) + `}`)
}

// protobufOf is an event in the protobuf format, written field by field.
func protobufOf(field protowire.Number, data []byte) (out []byte) {
	add := func(to []byte, number protowire.Number, value []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(to, number, protowire.BytesType), value)
	}
	for number, value := range []string{1: "é 1", 2: "/a", 3: "1.0", 4: "kikigaki.utterance.v1"} {
		if value != "" {
			out = add(out, protowire.Number(number), []byte(value))
		}
	}
	at, _ := proto.Marshal(timestamppb.New(time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)))
	flag := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1)
	for name, value := range map[string][]byte{"time": add(nil, 7, at), "extension": flag} {
		out = add(out, 5, add(add(nil, 1, []byte(name)), 2, value))
	}
	return add(out, field, data)
}

func TestWhatAnEventMayLeaveOut(t *testing.T) {
	t.Parallel()
	read := func(kind, more string) arrival {
		t.Helper()
		e, err := structuredEvent([]byte(`{"specversion":"1.0","id":"e1","source":"/a","subject":"c","type":"` + kind + `",` +
			`"time":"2026-04-01T09:00:00Z"` + more + `}`))
		if err != nil {
			t.Fatal(err)
		}
		a, err := e.arrival(timestamppb.Now())
		if err != nil || a.call != "c" {
			t.Fatalf("%s%s: %+v, %v", kind, more, a, err)
		}
		return a
	}
	at := time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)
	if a := read(eventOpened, ""); !a.details.GetStartedAt().AsTime().Equal(at) || len(a.words) > 0 || a.ends {
		t.Errorf("%+v", a)
	}
	if a := read(eventOpened, `,"data":{"call":{"label":"l","startedAt":"2026-04-01T08:00:00Z"}}`); a.details.GetLabel() != "l" ||
		a.details.GetStartedAt().AsTime().Equal(at) {
		t.Errorf("%+v", a)
	}
	if a := read(eventEnded, ""); !a.ends || !a.ended.AsTime().Equal(at) {
		t.Errorf("%+v", a)
	}
	one := read(eventUtterance, `,"data":{"text":"a"}`).words[0].GetUtteranceId()
	again := read(eventUtterance, `,"data":{"text":"a","call":{"queue":"q"}}`)
	if one == "" || again.words[0].GetUtteranceId() != one || again.details.GetQueue() != "q" {
		t.Errorf("%q, then %+v", one, again)
	}
	list := read(eventUtterance, `,"data":{"utterances":[{"text":"a"},{"text":"b"},{"utteranceId":"u"}]}`).words
	if list[0].GetUtteranceId() != one+"-0" || list[1].GetUtteranceId() != one+"-1" || list[2].GetUtteranceId() != "u" {
		t.Errorf("%v", list)
	}
	other := cloudEvent{id: "e1", source: "/b"}
	long := cloudEvent{id: strings.Repeat("x", 999), source: "/a"}
	if other.utteranceID() == one || checkID("", long.utteranceID()+"-499") != nil {
		t.Errorf("%q, %q", other.utteranceID(), long.utteranceID())
	}
}

func TestARefusedEventNamesWhatIsAtFault(t *testing.T) {
	t.Parallel()
	attributes := func(kind, more string) string {
		return `{"specversion":"1.0","id":"e1","source":"/a","type":"` + kind + `"` + more + `}`
	}
	big := strings.Repeat("x", 16<<10+1)
	for text, want := range map[string]string{
		`{"specversion":"0.3","id":"e","source":"/a","type":"t"}`:                                           "FIELD_INVALID specversion",
		attributes("other.v1", ""):                                                                          "FIELD_INVALID type",
		attributes(eventUtterance, `,"datacontenttype":"text/xml","data":"<a/>"`):                           "UNSUPPORTED_MEDIA_TYPE datacontenttype",
		attributes(eventUtterance, `,"data":{"text":"a"}`):                                                  "FIELD_REQUIRED callId",
		attributes(eventUtterance, `,"data":{"callId":7}`):                                                  "INVALID callId",
		attributes(eventUtterance, `,"data":{"callId":"c","text":7}`):                                       "INVALID text",
		attributes(eventUtterance, `,"data":{"callId":"c","txt":"a"}`):                                      "INVALID txt",
		attributes(eventUtterance, `,"data":{"callId":"c","text":"`+big+`"}`):                               "UTTERANCE_TOO_LARGE text",
		attributes(eventUtterance, `,"data":{"callId":"c","utterances":[{"text":"a"},{"text":"`+big+`"}]}`): "UTTERANCE_TOO_LARGE utterances[1].text",
		attributes(eventUtterance, `,"data":{"callId":"c","utterances":[]}`):                                "FIELD_REQUIRED utterances",
		attributes(eventUtterance, `,"data":[1]`):                                                           "INVALID ",
		attributes(eventOpened, `,"data":{"callId":"c","call":{"direction":"up"}}`):                         "FIELD_INVALID call.direction",
		attributes(eventOpened, `,"data":{"callId":"c","utterances":[{"text":"a"}]}`):                       "FIELD_INVALID utterances",
		attributes(eventEnded, `,"data":{"callId":"c","endedAt":"soon"}`):                                   "INVALID ",
		attributes(eventEnded, `,"datacontenttype":"application/protobuf","data_base64":"//8="`):            "INVALID data",
		attributes(eventEnded, `,"data_base64":"!"`):                                                        "INVALID data_base64",
		`[]`: "INVALID ",
		``:   "INVALID ",
	} {
		e, err := eventOf(nil, []byte(text))
		if err == nil {
			_, err = e.arrival(timestamppb.Now())
		}
		if f, ok := fault.As(err); !ok || !refused(err) || f.Code+" "+f.Field != want {
			t.Errorf("%.120s: %v, want %s", text, err, want)
		}
	}
	for name, headers := range map[string]map[string][]string{
		"twice":   {"ce-id": {"a", "b"}, "ce-type": {"t"}},
		"no type": {"ce-id": {"a"}, "ce-source": {"/a"}, "ce-specversion": {"1.0"}},
		"no text": {"ce-id": {"%FF"}, "ce-source": {"/a"}, "ce-specversion": {"1.0"}, "ce-type": {"t"}},
		"no kind": {"content-type": {"application/json"}},
		"xml":     {"content-type": {"application/cloudevents+xml"}},
	} {
		if _, err := eventOf(headers, nil); !refused(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := eventOf(nil, make([]byte, maxEvent+1)); !fault.Is(err, "BODY_TOO_LARGE") {
		t.Errorf("%v", err)
	}
}

// Whatever bytes come, an event is read or refused, and never a mistake of ours.
func FuzzAnEventIsReadOrRefused(f *testing.F) {
	f.Add("", []byte(`{"specversion":"1.0","id":"e","source":"/a","type":"kikigaki.utterance.v1","data":{"callId":"c","text":"a"}}`))
	f.Add("application/cloudevents+protobuf", protobufOf(7, []byte(`{"callId":"c"}`)))
	f.Add("application/json", []byte(`{}`))
	f.Fuzz(func(t *testing.T, contentType string, data []byte) {
		headers := map[string][]string{}
		if contentType != "" {
			headers["content-type"] = []string{contentType}
		}
		if contentType == typeJSON || contentType == typeProtobuf {
			headers["ce-id"], headers["ce-source"] = []string{"e"}, []string{"/a"}
			headers["ce-type"], headers["ce-specversion"] = []string{eventUtterance}, []string{"1.0"}
		}
		e, err := eventOf(headers, data)
		if err == nil {
			_, err = e.arrival(timestamppb.Now())
		}
		if err != nil && !refused(err) {
			t.Fatalf("%v", err)
		}
	})
}
