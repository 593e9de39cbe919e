package ingest_test

import (
	"net/url"
	"strings"
	"testing"
)

// listed is a page of calls in short.
type listed struct {
	Calls         []struct{ ID string }
	NextPageToken string
}

func (l listed) ids() string {
	var out []string
	for _, c := range l.Calls {
		out = append(out, c.ID)
	}
	return strings.Join(out, " ")
}

func TestCallsAreFilteredAndSearchedOverHTTP(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := client{t: t, url: b.serve(b.replica()), token: "a:account-2:edit"}
	for call, details := range map[string]string{
		"one":   `"startedAt":"2026-04-01T09:00:00Z","queue":"返品","direction":"inbound","customerNumber":"03-1234-5678","labels":{"vip":"yes"}`,
		"two":   `"startedAt":"2026-04-01T10:00:00Z","queue":"返品","agentAccount":"hanako","labels":{"vip":"no","url":"a:b"}`,
		"three": `"startedAt":"2026-04-01T11:00:00Z","label":"Order 66"`,
	} {
		body := `{"call":{` + details + `},"utterances":[{"utteranceId":"1","text":"` + call + ` の商品を返品したい"}]}`
		c.post("/api/v1/calls/"+call+"/utterances", []byte(body), 200, nil)
	}
	c.post("/api/v1/calls/one/end", nil, 200, nil)
	for query, want := range map[string]string{
		"":                              "three two one",
		"q=" + url.QueryEscape("商品 返品"): "three two one",
		"q=" + url.QueryEscape("ＯＮＥ"):   "one",
		"q=order":                       "three",
		"q=order+one":                   "",
		"state=finished":                "one",
		"state=live&queue=" + url.QueryEscape("返品"): "two",
		"agent=account-1":            "two",
		"direction=inbound":          "one",
		"number=0312345678":          "one",
		"label=vip":                  "two one",
		"label=vip:no&label=url:a:b": "two",
		"startedFrom=2026-04-01T10:00:00Z&startedUntil=2026-04-01T20:00:00%2B09:00": "two",
	} {
		var got listed
		if c.get("/api/v1/calls?"+query, 200, &got); got.ids() != want {
			t.Errorf("%s: %q, want %q", query, got.ids(), want)
		}
	}
	var page listed
	c.get("/api/v1/calls?label=vip&pageSize=1", 200, &page)
	var next listed
	c.get("/api/v1/calls?label=vip&pageSize=1&pageToken="+page.NextPageToken, 200, &next)
	if page.ids() != "two" || next.ids() != "one" {
		t.Errorf("%s, then %s", page.ids(), next.ids())
	}
	for query, field := range map[string]string{
		"label=vip:no&pageToken=" + page.NextPageToken: "pageToken",
		"pageToken=" + page.NextPageToken:              "pageToken",
		"startedFrom=yesterday":                        "startedFrom",
	} {
		var problem struct{ Code, Field string }
		if c.get("/api/v1/calls?"+query, 400, &problem); problem.Code != "FIELD_INVALID" || problem.Field != field {
			t.Errorf("%s: %v", query, problem)
		}
	}
	var problem struct{ Code, Field string }
	if c.get("/api/v1/calls?state=open", 422, &problem); problem.Field != "state" {
		t.Errorf("%v", problem)
	}
}
