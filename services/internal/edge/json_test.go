package edge

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

type words struct {
	Call *struct {
		Label string `json:"label"`
	} `json:"call"`
	Utterances []struct {
		Text  string   `json:"text"`
		Order *int32   `json:"order"`
		Tags  []string `json:"tags"`
	} `json:"utterances"`
	Numbers map[string]int `json:"numbers"`
	Grid    [][]int        `json:"grid"`
	Late    bool           `json:"late"`
}

func TestABodyThatIsNotUnderstoodNamesTheMember(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"utterances":[{"text":"a"},{"text":"b"},{"text":3}]}`: "utterances[2].text",
		`{"utterances":[{"text":"a","tags":["x",{}]}]}`:         "utterances[0].tags[1]",
		`{ "utterances" : [ {"order":1} , {"order": 1.5 } ] }`:  "utterances[1].order",
		`{"utterances":[{"order":99999999999}]}`:                "utterances[0].order",
		`{"utterances":"none"}`:                                 "utterances",
		`{"utterances":[[]]}`:                                   "utterances[0]",
		`{"call":{"label":["text"]}}`:                           "call.label",
		`{"call":{"label":{"utterances":1}}}`:                   "call.label",
		`{"call":"text"}`:                                       "call",
		`{"late":"\u3042","call":{}}`:                           "late",
		`{"call":{"label":"}]"},"late":1}`:                      "late",
		`{"grid":[[1,2],[3,"x"]]}`:                              "grid[1][1]",
		`{"unheard":1}`:                                         "unheard",
		`{"call":{"unheard":1}}`:                                "unheard",
		`[]`:                                                    "", `"text"`: "", `{`: "", ``: "", `{"late":true}{}`: "", `{"late":true} x`: "", `{late:true}`: "",
		"{\"call\":{\"label\":\"\xff\"}}": "",
	} {
		err := Decode(httptest.NewRecorder(), request(http.MethodPost, body, "Content-Type: application/json"), 1000, new(words))
		f, _ := fault.As(err)
		if f == nil || f.Kind != fault.Invalid || f.Code != "INVALID" || f.Field != want || f.Params["reason"] == "" && f.Field == "" {
			t.Errorf("%s: got %v %#v, want %q", body, err, f, want)
		}
		if f != nil && (strings.Contains(f.Params["reason"], "struct") || strings.Contains(f.Params["reason"], "int32")) {
			t.Errorf("%s: our types are in %q", body, f.Params["reason"])
		}
	}
}

func TestABodyIsDecoded(t *testing.T) {
	t.Parallel()
	var got words
	r := request(http.MethodPost, ` {"utterances":[{"text":"\u306f\u3044"}],"late":true} `, "Content-Type: application/JSON; charset=utf-8")
	if err := Decode(httptest.NewRecorder(), r, 1000, &got); err != nil || got.Utterances[0].Text != "\u306f\u3044" || !got.Late {
		t.Fatalf("got %+v, %v", got, err)
	}
}

func TestTheSizeOfABodyIsBounded(t *testing.T) {
	t.Parallel()
	body := `{"late":true}`
	for limit, want := range map[int64]fault.Kind{int64(len(body)): fault.Other, int64(len(body)) - 1: fault.TooLarge} {
		err := Decode(httptest.NewRecorder(), request(http.MethodPost, body, "Content-Type: application/json"), limit, new(words))
		f, _ := fault.As(err)
		if fault.KindOf(err) != want || f != nil && (f.Code != "BODY_TOO_LARGE" || f.Params["limit"] != "12") {
			t.Errorf("%d bytes: %v", limit, err)
		}
	}
}

func TestOnlyJSONIsRead(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/json2", ";"} {
		err := Decode(httptest.NewRecorder(), request(http.MethodPost, "{}", "Content-Type: "+kind), 10, new(words))
		if fault.CodeOf(err) != "UNSUPPORTED_MEDIA_TYPE" || fault.KindOf(err).HTTPStatus() != 415 {
			t.Errorf("%q: %v", kind, err)
		}
	}
}

func TestAnyTextIsDecodedOrRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"]", "}", "[", "{\"a\"", "{\"utterances\":[{]}", "nul", "{\"numbers\":{\"x\":\"y\"}}"} {
		if err := Unmarshal(text, new(words)); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzUnmarshalNeverFailsOtherwise(f *testing.F) {
	f.Add(`{"utterances":[{"text":3}]}`)
	f.Add(`{"grid":[[1,[]]],"call":{"label":{}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		if err := Unmarshal(text, new(words)); err != nil && fault.CodeOf(err) != "INVALID" {
			t.Errorf("%q: %v", text, err)
		}
		for offset := range int64(len(text)) {
			_ = pathAt(text, offset)
		}
	})
}

func TestPages(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]uint32{
		"": 50, "pageSize=": 50, "pageSize=1": 1, "pageSize=200": 200,
		"pageSize=0": 0, "pageSize=201": 0, "pageSize=-1": 0, "pageSize=x": 0, "pageSize=1.0": 0, "pageSize=70000": 0,
	} {
		r := httptest.NewRequest(http.MethodGet, "/?pageToken=t&"+query, http.NoBody)
		size, token, err := Page(r)
		if size != want || (err == nil) != (want > 0) || err == nil && token != "t" {
			t.Errorf("%q: got %d %q, %v", query, size, token, err)
		}
		if f, ok := fault.As(err); ok && (f.Field != "pageSize" || f.Kind != fault.Invalid) {
			t.Errorf("%q: got %v", query, err)
		}
	}
}

func TestPositionsAndTimes(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	SetPosition(w, "")
	if _, ok := w.Header()["Kikigaki-Position"]; ok {
		t.Error("no position is a header")
	}
	SetPosition(w, "p7")
	if got := w.Header().Get("Kikigaki-Position"); got != "p7" {
		t.Errorf("got %q", got)
	}
	if got := Position(request(http.MethodGet, "", "Kikigaki-Position: p7")); got != "p7" {
		t.Errorf("got %q", got)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.FixedZone("", 9*3600))
	if got := Time(timestamppb.New(at)); *got != "2026-01-01T18:04:05.006Z" {
		t.Errorf("got %q", *got)
	}
	if Time(nil) != nil {
		t.Error("no time is one")
	}
}
