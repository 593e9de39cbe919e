package ingest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// client speaks HTTP to one replica.
type client struct {
	t          *testing.T
	url, token string
}

// do makes a request and returns the headers and the body of an answer of the wanted status.
func (c client) do(method, path string, header http.Header, body []byte, status int) (http.Header, []byte) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for k := range header {
		req.Header.Set(k, header.Get(k))
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Token "+c.token)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if res.StatusCode != status {
		c.t.Fatalf("%s %s: %d, want %d: %s", method, path, res.StatusCode, status, out)
	}
	return res.Header, out
}

func (c client) post(path string, body []byte, status int, out any) http.Header {
	c.t.Helper()
	h, data := c.do(http.MethodPost, path, nil, body, status)
	c.decode(data, out)
	return h
}

func (c client) get(path string, status int, out any) {
	c.t.Helper()
	_, data := c.do(http.MethodGet, path, nil, nil, status)
	c.decode(data, out)
}

func (c client) decode(data []byte, out any) {
	c.t.Helper()
	if out == nil {
		return
	}
	if err := json.Unmarshal(data, out); err != nil {
		c.t.Fatalf("%v in %s", err, data)
	}
}

// shape is JSON with what differs from run to run (times) made equal, keys in order.
func (c client) shape(data []byte) string {
	c.t.Helper()
	var v any
	c.decode(data, &v)
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for k := range v {
				if strings.HasSuffix(k, "At") && v[k] != nil && v[k] != "2026-04-01T09:00:00Z" {
					v[k] = "T"
				}
				walk(v[k])
			}
		case []any:
			for i := range v {
				walk(v[i])
			}
		}
	}
	walk(v)
	out, err := json.Marshal(v)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(out)
}

const appended = `{"call":{"label":"L","startedAt":"2026-04-01T09:00:00Z","agentAccount":"hanako","agentNumber":"1",
 "customerNumber":"2","queue":"Q","direction":"inbound","labels":{"k":"v"}},
 "utterances":[{"utteranceId":"u1","order":7,"speaker":"agent","text":"はい","startSec":0.5,"durationSec":1.25,"vendor":"V"},
 {"utteranceId":"u2","kind":"recognizer_lost","speaker":"speaker_3","text":""}]}`

func TestTheAPIHasItsShape(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one, two := b.replica(), b.replica()
	c := client{t: t, url: b.serve(one), token: "a:account-2:edit"}
	other := client{t: t, url: b.serve(two), token: "a:account-3:view"}
	call := "/api/v1/calls/" + url.PathEscape("通話 1/ü%")
	const callShape = `"agentAccount":{"id":"account-1","name":"山田 花子"},"agentNumber":"1","customerNumber":"2","direction":"inbound",` +
		`"endedAt":null,"id":"通話 1/ü%","label":"L","labels":{"k":"v"},"links":[],"queue":"Q","revision":2,"startedAt":"2026-04-01T09:00:00Z","state":"live"`
	const words = `{"createdAt":"T","durationSec":1.25,"kind":"utterance","order":7,"speaker":"agent","startSec":0.5,"text":"はい",` +
		`"updatedAt":"T","utteranceId":"u1","vendor":"V","version":0}`
	const lost = `{"createdAt":"T","durationSec":null,"kind":"recognizer_lost","order":0,"speaker":"speaker_3","startSec":null,"text":"",` +
		`"updatedAt":"T","utteranceId":"u2","vendor":"","version":0}`
	finished := strings.NewReplacer(`"endedAt":null`, `"endedAt":"T"`, `"live"`, `"finished"`).Replace(callShape)
	at := http.Header{}
	for _, step := range []struct {
		name, method, path, body string
		on                       client
		status                   int
		want                     string
	}{
		{"append", "POST", call + "/utterances", appended, c, 200, `{"accepted":2,"conflicting":0,"corrected":0,"duplicates":0,"revision":2}`},
		{"call", "GET", call, "", other, 200, "{" + callShape + "}"},
		{"list", "GET", "/api/v1/calls", "", other, 200, `{"calls":[{` + callShape + `}],"nextPageToken":""}`},
		{"again", "POST", call + "/utterances", appended, c, 200, `{"accepted":0,"conflicting":0,"corrected":0,"duplicates":2,"revision":2}`},
		{"transcript", "GET", call + "/transcript", "", other, 200,
			`{"callId":"通話 1/ü%","revision":2,"state":"live","utterances":[` + words + "," + lost + `]}`},
		{"end", "POST", call + "/end", "", c, 200, "{" + finished + "}"},
		{"end again", "POST", call + "/end", `{"endedAt":"2020-01-01T00:00:00Z"}`, c, 200, "{" + finished + "}"},
		{"revision", "GET", call + "/transcript?revision=1", "", other, 200,
			`{"callId":"通話 1/ü%","revision":1,"state":"finished","utterances":[` + words + `]}`},
		{"late", "POST", call + "/utterances", `{"utterances":[{"utteranceId":"u1","version":3,"speaker":"agent","text":"え"}]}`, c, 200,
			`{"accepted":0,"conflicting":0,"corrected":1,"duplicates":0,"revision":3}`},
	} {
		h, data := step.on.do(step.method, step.path, at, []byte(step.body), step.status)
		if got := step.on.shape(data); got != step.want {
			t.Errorf("%s:\n%s\nwant\n%s", step.name, got, step.want)
		}
		if h.Get("Kikigaki-Position") == "" {
			t.Errorf("%s: no position", step.name)
		}
		at.Set("Kikigaki-Position", h.Get("Kikigaki-Position")) // the next step, on the other replica, must see it
	}
}

func TestProblemsNameWhatIsWrong(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := client{t: t, url: b.serve(b.replica()), token: "a:account-2:edit"}
	c.post("/api/v1/calls/c/utterances", []byte(appended), 200, nil)
	stranger := c
	stranger.token = "b:x:edit"
	viewer := c
	viewer.token = "a:account-3:view"
	big := `{"utterances":[{"utteranceId":"u","text":"` + strings.Repeat("x", 16<<10+1) + `"}]}`
	for _, p := range []struct {
		by                 client
		method, path, body string
		status             int
		code, field        string
	}{
		{c, "GET", "/api/v1/calls/unknown", "", 404, "NOT_FOUND", ""},
		{stranger, "GET", "/api/v1/calls/c", "", 404, "NOT_FOUND", ""},
		{stranger, "GET", "/api/v1/calls/c/transcript", "", 404, "NOT_FOUND", ""},
		{stranger, "POST", "/api/v1/calls/c/end", "", 404, "NOT_FOUND", ""},
		{viewer, "POST", "/api/v1/calls/c/utterances", `{"utterances":[{"utteranceId":"u"}]}`, 403, "FORBIDDEN", ""},
		{c, "GET", "/api/v1/calls/c/transcript?revision=3", "", 404, "NOT_FOUND", "revision"},
		{c, "GET", "/api/v1/calls/c/transcript?revision=0", "", 400, "FIELD_INVALID", "revision"},
		{c, "GET", "/api/v1/calls?pageSize=201", "", 400, "FIELD_INVALID", "pageSize"},
		{c, "POST", "/api/v1/calls/c/utterances", big, 413, "UTTERANCE_TOO_LARGE", "utterances[0].text"},
		{c, "POST", "/api/v1/calls/c/utterances", `{"utterances":[{"utteranceId":"` + strings.Repeat("x", 5<<20) + `"}]}`, 413, "BODY_TOO_LARGE", ""},
		{c, "POST", "/api/v1/calls/c/utterances", `{"utterances":[{"utteranceId":7}]}`, 400, "INVALID", "utterances[0].utteranceId"},
		{c, "POST", "/api/v1/calls/c/utterances", `{"utterance":[]}`, 400, "INVALID", "utterance"},
		{c, "POST", "/api/v1/calls/%FF/utterances", appended, 400, "FIELD_INVALID", "callId"},
		{c, "POST", "/api/v1/calls/a%0Ab/utterances", appended, 422, "FIELD_INVALID", "callId"},
		{c, "POST", "/api/v1/calls/c/end", `{"endedAt":"0001-01-01T00:00:00Z"}`, 422, "FIELD_INVALID", "endedAt"},
	} {
		var got struct{ Code, Field, Title string }
		_, data := p.by.do(p.method, p.path, nil, []byte(p.body), p.status)
		if p.by.decode(data, &got); got.Code != p.code || got.Field != p.field || got.Title == "" {
			t.Errorf("%s %s: %+v, want %s %s", p.method, p.path, got, p.code, p.field)
		}
	}
}
