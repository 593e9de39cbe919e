package ingest_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

const settingsPath = "/api/v1/settings/voice-log"

func TestAdministratorsSetHowTheCompatibleAPIBehaves(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one, two := b.replica(), b.replica()
	c := client{t: t, url: b.serve(one), token: "a:account-9:admin"}
	elsewhere := client{t: t, url: b.serve(two), token: "a:account-8:admin"}
	shape := func(revision, rate, requests int, enabled bool) string {
		month := time.Now().UTC().Add(9 * time.Hour).Format("2006-01")
		return fmt.Sprintf(`{"revision":%d,"enabled":%t,"burstRate":%d,"burst":20,"monthlyRequests":%d,"monthlyObjects":100000,`+
			`"month":"%s","usedRequests":0,"usedObjects":0}`+"\n", revision, enabled, rate, requests, month)
	}
	at := http.Header{}
	for _, step := range []struct {
		on           client
		method, body string
		status       int
		want         string
	}{
		{c, "GET", "", 200, shape(0, 10, 100_000, true)},
		{c, "PATCH", `{"revision":0,"burstRate":7,"enabled":false}`, 200, shape(1, 7, 100_000, false)},
		{elsewhere, "GET", "", 200, shape(1, 7, 100_000, false)},
		{elsewhere, "PATCH", `{"revision":1,"monthlyRequests":0,"enabled":true}`, 200, shape(2, 7, 0, true)},
		{c, "GET", "", 200, shape(2, 7, 0, true)},
		{client{t: t, url: c.url, token: "b:account-9:admin"}, "GET", "", 200, shape(0, 10, 100_000, true)},
	} {
		h, data := step.on.do(step.method, settingsPath, at, []byte(step.body), step.status)
		if string(data) != step.want {
			t.Errorf("%s %s: %s, want %s", step.method, step.body, data, step.want)
		}
		at.Set("Kikigaki-Position", h.Get("Kikigaki-Position"))
	}
	stranger := client{t: t, url: c.url, token: "a:account-2:edit"}
	for _, p := range []struct {
		by           client
		method, body string
		status       int
		code, field  string
	}{
		{stranger, "GET", "", 403, "FORBIDDEN", ""},
		{stranger, "PATCH", `{"revision":2}`, 403, "FORBIDDEN", ""},
		{c, "PATCH", `{"burst":1}`, 400, "REVISION_REQUIRED", "revision"},
		{c, "PATCH", `{"revision":1,"burst":1}`, 409, "REVISION_STALE", "revision"},
		{c, "PATCH", `{"revision":0,"burst":1}`, 409, "REVISION_STALE", "revision"},
		{c, "PATCH", `{"revision":2,"burst":0}`, 422, "FIELD_INVALID", "burst"},
		{c, "PATCH", `{"revision":2,"burstRate":10001}`, 422, "FIELD_INVALID", "burstRate"},
		{c, "PATCH", `{"revision":2,"monthlyObjects":1000000001}`, 422, "FIELD_INVALID", "monthlyObjects"},
		{c, "PATCH", `{"revision":2,"monthlyRequests":-1}`, 400, "INVALID", "monthlyRequests"},
	} {
		var got struct{ Code, Field, Title string }
		_, data := p.by.do(p.method, settingsPath, nil, []byte(p.body), p.status)
		if p.by.decode(data, &got); got.Code != p.code || got.Field != p.field || got.Title == "" {
			t.Errorf("%s %s: %+v, want %s %s", p.method, p.body, got, p.code, p.field)
		}
	}
	service := identity.AsService(t.Context(), "a")
	_, err := one.UpdateVoiceLogSettings(service, &transcriptv1.UpdateVoiceLogSettingsRequest{Revision: 2, Burst: proto.Uint32(1)})
	if fault.KindOf(err) != fault.Forbidden {
		t.Errorf("a service sets what people pay for: %v", err)
	}
}

// The view comes out the same from the log, settings and what is rendered included.
func TestSettingsAndWhatIsRenderedComeBackFromTheLog(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	set(t, s, "a", unhurried())
	for _, call := range []string{"c1", "c2", "c3"} {
		b.speak(call, sample())
	}
	b.agree(s)
	end(t, s, "c1")
	add(t, s, "c1", say("late"))
	end(t, s, "c2")
	b.agree(s)
	fresh := b.replica()
	b.agree(fresh)
	if got, want := sums(t, fresh, s), sums(t, s, s); got != want {
		t.Errorf("sums\n%s, want\n%s", got, want)
	}
	for _, path := range []string{"c1", "c2?format=json", "c3", "c3?format=json"} {
		one := b.voiceLog(http.MethodGet, b.serve(s)+voiceLogPath+path, reader)
		two := b.voiceLog(http.MethodGet, b.serve(fresh)+voiceLogPath+path, reader)
		if one.status != 200 || one.body != two.body || one.header.Get("ETag") != two.header.Get("ETag") {
			t.Errorf("%s: %d\n%s\nand %d\n%s", path, one.status, one.body, two.status, two.body)
		}
	}
}
