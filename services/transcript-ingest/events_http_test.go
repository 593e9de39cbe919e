package ingest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// told is what became of events.
type told struct {
	Accepted, Duplicates, Corrected, Conflicting int
	Refused                                      []struct {
		Index           int
		ID, Field, Code string
	}
}

// event is an event in the JSON format.
func event(kind, id, data string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/test","type":"kikigaki.%s.v1","data":%s}`, id, kind, data)
}

func (c client) events(contentType, body string, status int) (out told, code string) {
	c.t.Helper()
	_, data := c.do(http.MethodPost, "/api/v1/events", http.Header{"Content-Type": {contentType}}, []byte(body), status)
	if status != http.StatusOK {
		var problem struct{ Code string }
		c.decode(data, &problem)
		return out, problem.Code
	}
	c.decode(data, &out)
	return out, ""
}

const (
	oneEvent   = "application/cloudevents+json"
	manyEvents = "application/cloudevents-batch+json"
)

func TestACallComesInAsEvents(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	c := client{t: t, url: b.serve(s), token: "a:account-2:edit"}
	c.events(oneEvent, event("call.opened", "1", `{"callId":"c","call":{"label":"order","agentAccount":"hanako"}}`), http.StatusOK)
	word := event("utterance", "2", `{"callId":"c","speaker":"agent","text":"はい"}`)
	if got, _ := c.events(oneEvent, word, http.StatusOK); got.Accepted != 1 || got.Refused == nil {
		t.Errorf("%+v", got)
	}
	if got, _ := c.events(oneEvent, word, http.StatusOK); got.Duplicates != 1 {
		t.Errorf("delivered again: %+v", got)
	}
	header := http.Header{
		"Content-Type": {"application/json"}, "Ce-Specversion": {"1.0"}, "Ce-Id": {"3"}, "Ce-Source": {"/test"},
		"Ce-Type": {"kikigaki.utterance.v1"}, "Ce-Subject": {"c"},
	}
	c.do(http.MethodPost, "/api/v1/events", header, []byte(`{"speaker":"customer","text":"どうも"}`), http.StatusOK)
	c.events(oneEvent, event("call.ended", "4", `{"callId":"c"}`), http.StatusOK)
	if res := read(t, s, "c", 0); res.GetState() != "finished" || !slices.Equal(texts(res), []string{"はい", "どうも"}) ||
		res.GetCall().GetLabel() != "order" {
		t.Errorf("%v", res)
	}
}

func TestABatchOfEventsIsTakenEventByEvent(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	c := client{t: t, url: b.serve(s), token: "a:account-2:edit"}
	var batch []string
	for i := range 40 {
		batch = append(batch, event("utterance", fmt.Sprint(i), fmt.Sprintf(`{"callId":"c%d","text":"%d"}`, i%2, i)))
	}
	batch = append(batch, `"none"`, event("utterance", "41", `{"callId":"c0","kind":"song"}`), event("other", "42", `{}`),
		event("call.ended", "43", `{"callId":"never"}`), event("utterance", "0", `{"callId":"c0","text":"0"}`))
	got, _ := c.events(manyEvents, "["+strings.Join(batch, ",")+"]", http.StatusOK)
	var refused []string
	for _, r := range got.Refused {
		refused = append(refused, strings.TrimSpace(fmt.Sprint(r.Index, " ", r.ID, " ", r.Code, " ", r.Field)))
	}
	want := []string{"40  INVALID", "41 41 FIELD_INVALID kind", "42 42 FIELD_INVALID type", "43 43 NOT_FOUND"}
	if got.Accepted != 40 || got.Duplicates != 1 || !slices.Equal(refused, want) {
		t.Errorf("%+v, refused %q", got, refused)
	}
	for call := range 2 {
		for i, text := range texts(read(t, s, fmt.Sprint("c", call), 0)) {
			if text != fmt.Sprint(2*i+call) {
				t.Errorf("c%d: %q at %d", call, text, i)
			}
		}
	}
	if got, _ := c.events(manyEvents, `[]`, http.StatusOK); got.Accepted != 0 {
		t.Errorf("%+v", got)
	}
}

func TestARequestOfEventsThatCannotBeReadIsAProblem(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	url := b.serve(s)
	c := client{t: t, url: url, token: "a:account-2:edit"}
	good := event("utterance", "1", `{"callId":"c","text":"a"}`)
	many, err := json.Marshal(make([]int, 1001))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []struct {
		kind, body, code string
		status           int
	}{
		{manyEvents, `{}`, "INVALID", http.StatusBadRequest},
		{manyEvents, string(many), "BODY_TOO_LARGE", http.StatusRequestEntityTooLarge},
		{manyEvents, "[" + strings.Repeat(" ", 4<<20) + "]", "BODY_TOO_LARGE", http.StatusRequestEntityTooLarge},
		{oneEvent, good + strings.Repeat(" ", 512<<10), "BODY_TOO_LARGE", http.StatusRequestEntityTooLarge},
		{oneEvent, `{`, "INVALID", http.StatusBadRequest},
		{oneEvent, strings.Replace(good, "1.0", "0.3", 1), "FIELD_INVALID", http.StatusUnprocessableEntity},
		{"application/json", good, "UNSUPPORTED_MEDIA_TYPE", http.StatusUnsupportedMediaType},
		{oneEvent, event("call.ended", "2", `{"callId":"never"}`), "NOT_FOUND", http.StatusNotFound},
	} {
		if _, code := c.events(k.kind, k.body, k.status); code != k.code {
			t.Errorf("%s %.60s: %s, want %s", k.kind, k.body, code, k.code)
		}
	}
	client{t: t, url: url, token: "a:account-3:view"}.events(oneEvent, good, http.StatusForbidden)
	client{t: t, url: url}.events(oneEvent, good, http.StatusUnauthorized)
	if n := b.written(); n != 0 {
		t.Errorf("%d messages", n)
	}
}
