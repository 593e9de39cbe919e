package story_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/services/simulator"
)

// keyLimits is what is told of a key's limits.
type keyLimits struct {
	SharedWith                   []string
	Limits, Overrides, Effective struct {
		RequestsPerMinute, TokensPerMinute, ContextWindow int64
	}
	Said *struct {
		At       time.Time
		Requests struct {
			Limit int64
			Left  *int64
		}
	}
	Used             struct{ Requests, Tokens int64 }
	Running, Waiting int64
}

func (p *person) limits(key string) (out keyLimits) {
	p.t.Helper()
	p.must(http.StatusOK, "GET", "/api/v1/keys/"+key+"/limits", nil).into(p.t, &out)
	return out
}

// What may be used of an account that others use too is set and taken back by an administrator, who is told who was faster
// and which number is wrong, and sees what the provider says and what is used.
func TestWhatMayBeUsedOfASharedAccountIsSet(t *testing.T) {
	everyWay(t, whatMayBeUsedOfASharedAccountIsSet)
}

func whatMayBeUsedOfASharedAccountIsSet(s stage) {
	t := s.t
	w := s.way.newWorld(t)
	w.addTenant("other", "other-admin")
	w.start()
	admin, stranger := w.logIn("admin", adminPassword), w.logIn("other-admin", adminPassword)
	operator, supervisor := admin.account(w, "operator", "user", "edit"), admin.account(w, "supervisor", "supervisor", "edit")
	key := admin.key(w.base)
	at := "/api/v1/keys/" + key + "/limits"
	told := admin.limits(key)
	if told.Said != nil || told.Overrides.RequestsPerMinute != 0 || told.Effective != told.Limits || told.Limits.TokensPerMinute == 0 {
		t.Errorf("at first: %+v", told)
	}
	var set struct{ Revision uint32 }
	admin.must(http.StatusOK, "PUT", at, map[string]any{"revision": 1, "requestsPerMinute": 20, "contextWindow": 8000}).into(t, &set)
	got := admin.limits(key)
	if e := got.Effective; set.Revision != 2 || e.RequestsPerMinute != 20 || e.TokensPerMinute != told.Limits.TokensPerMinute || e.ContextWindow != 8000 {
		t.Errorf("set at revision %d: %+v", set.Revision, got)
	}
	for _, p := range []*person{operator, supervisor} {
		p.must(http.StatusForbidden, "GET", at, nil)
		p.must(http.StatusForbidden, "PUT", at, map[string]any{"revision": 2})
	}
	stranger.must(http.StatusNotFound, "GET", at, nil)
	stranger.must(http.StatusNotFound, "PUT", at, map[string]any{"revision": 2})
	stranger.must(http.StatusNotFound, "POST", "/api/v1/keys/"+key+"/secret", map[string]any{"revision": 2, "secret": secret})
	if late := admin.refused(http.StatusConflict, "PUT", at, "ja", map[string]any{"revision": 1}); late.Code != "REVISION_STALE" || late.Title != "他の利用者が変更しました" {
		t.Errorf("who is late is told %+v", late)
	}
	if no := admin.refused(http.StatusBadRequest, "PUT", at, "en", map[string]any{"requestsPerMinute": 1}); no.Code != "REVISION_REQUIRED" {
		t.Errorf("without a revision: %+v", no)
	}
	for _, field := range []string{"requestsPerMinute", "tokensPerMinute", "contextWindow"} {
		for _, wrong := range []int64{-1, 1_000_000_001} {
			no := admin.refused(http.StatusUnprocessableEntity, "PUT", at, "en", map[string]any{"revision": 2, field: wrong})
			if no.Code != "FIELD_INVALID" || no.Field != field {
				t.Errorf("%s %d: %+v", field, wrong, no)
			}
		}
	}
	admin.must(http.StatusOK, "PUT", at, map[string]any{"revision": 2})
	if got = admin.limits(key); fmt.Sprint(got.Effective, got.Overrides) != fmt.Sprint(told.Effective, told.Overrides) {
		t.Errorf("taken back: %+v", got)
	}
	admin.say("call", 0, "Good morning.", "I have a question.")
	admin.finished(admin.analyse("call", admin.prompt(key, "about")))
	until(t, "what the provider said is known", 20*time.Second, func() bool { got = admin.limits(key); return got.Said != nil && got.Running == 0 })
	if got.Used.Requests != 1 || got.Used.Tokens == 0 || got.Waiting != 0 || got.Said.Requests.Left == nil || *got.Said.Requests.Left >= got.Said.Requests.Limit {
		t.Errorf("after an analysis: %+v", got)
	}
	w.stop()
}

// A key's secret is replaced by one that the provider accepts; what it refuses changes nothing, what it could not be asked
// about is kept on purpose alone, and none of the secrets comes out again.
func TestASecretIsReplacedOrNothingChanges(t *testing.T) {
	everyWay(t, aSecretIsReplacedOrNothingChanges)
}

func aSecretIsReplacedOrNothingChanges(s stage) {
	t := s.t
	w := s.way.newWorld(t)
	w.start()
	admin := w.logIn("admin", adminPassword)
	operator := admin.account(w, "operator", "user", "edit")
	key := admin.key(w.base)
	at := "/api/v1/keys/" + key
	w.provider.SetKey(simulator.Key{Secret: rotated, Organization: "org-story"})
	ask := func(p *person, status int, method, path string, body map[string]any) string {
		t.Helper()
		answered := string(p.must(status, method, path, body).body)
		for _, hidden := range []string{secret, rotated, "sk-wrong"} {
			if strings.Contains(answered, hidden) {
				t.Errorf("%s %s tells a secret: %s", method, path, answered)
			}
		}
		return answered
	}
	ask(operator, http.StatusForbidden, "POST", at+"/secret", map[string]any{"secret": rotated, "revision": 1})
	for _, c := range []struct {
		status int
		body   map[string]any
		says   string
	}{
		{http.StatusUnprocessableEntity, map[string]any{"secret": "sk-wrong-0123456789", "revision": 1}, `"code":"KEY_REFUSED"`},
		{http.StatusUnprocessableEntity, map[string]any{"secret": "sk-wrong-0123456789", "revision": 1}, `"field":"secret"`},
		{http.StatusUnprocessableEntity, map[string]any{"secret": "sk-wrong-0123456789", "revision": 1}, "Incorrect API key provided"},
		{http.StatusUnprocessableEntity, map[string]any{"secret": "", "revision": 1}, `"code":"FIELD_REQUIRED"`},
		{http.StatusUnprocessableEntity, map[string]any{"secret": strings.Repeat("k", 201), "revision": 1}, `"field":"secret"`},
		{http.StatusConflict, map[string]any{"secret": rotated, "revision": 7}, `"code":"REVISION_STALE"`},
		{http.StatusBadRequest, map[string]any{"secret": rotated}, `"code":"REVISION_REQUIRED"`},
	} {
		if got := ask(admin, c.status, "POST", at+"/secret", c.body); !strings.Contains(got, c.says) {
			t.Errorf("%v: %s does not say %s", c.body, got, c.says)
		}
	}
	if got := ask(admin, http.StatusOK, "GET", at, nil); !strings.Contains(got, `"revision":1`) {
		t.Errorf("what was refused has changed the key: %s", got)
	}
	w.provider.Script(simulator.Fault{Endpoint: "any", Status: http.StatusInternalServerError, Times: 1 << 20})
	away := ask(admin, http.StatusServiceUnavailable, "POST", at+"/secret", map[string]any{"secret": rotated, "revision": 1})
	if !strings.Contains(away, `"code":"KEY_UNREACHABLE"`) {
		t.Errorf("while the provider is away: %s", away)
	}
	kept := ask(admin, http.StatusOK, "PATCH", at, map[string]any{"secret": rotated, "revision": 1, "saveUnverified": true})
	if !strings.Contains(kept, `"verifiedAt":null`) || !strings.Contains(kept, `"secretHint":"TSRQ"`) {
		t.Errorf("kept on purpose: %s", kept)
	}
	w.provider.Recover()
	back := ask(admin, http.StatusOK, "POST", at+"/secret", map[string]any{"secret": secret, "revision": 2})
	if strings.Contains(back, `"verifiedAt":null`) || !strings.Contains(back, `"revision":3`) {
		t.Errorf("once it is back: %s", back)
	}
	w.stop()
	sweep(t, w)
	if strings.Contains(w.said.String(), rotated) {
		t.Error("the new key is in the log")
	}
}
