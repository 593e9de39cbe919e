package story_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// What belongs to one tenant is nowhere to be found for another, by whatever way it is asked for.
func TestAnotherTenantFindsNothing(t *testing.T) { everyWay(t, anotherTenantFindsNothing) }

func anotherTenantFindsNothing(s stage) {
	t, way := s.t, s.way
	w := way.newWorld(t)
	w.addTenant("other", "other-admin")
	w.start()
	admin, stranger := w.logIn("admin", adminPassword), w.logIn("other-admin", adminPassword)
	key := admin.key(w.base)
	prompt := admin.prompt(key, "about")
	admin.say("call", 0, "A SECRET WORD", "Another one.")
	analysis := admin.analyse("call", prompt)
	admin.finished(analysis)
	for _, r := range []struct {
		method, path string
		body         any
	}{
		{"GET", "/api/v1/calls/call", nil},
		{"GET", "/api/v1/calls/call/transcript", nil},
		{"GET", "/api/v1/calls/call/analyses", nil},
		{"POST", "/api/v1/calls/call/analyses", map[string]string{"promptId": prompt}},
		{"POST", "/api/v1/calls/call/end", map[string]any{}},
		{"GET", "/api/v1/analyses/" + analysis, nil},
		{"DELETE", "/api/v1/analyses/" + analysis, nil},
		{"POST", "/api/v1/analyses/" + analysis + "/cancel", nil},
		{"GET", "/api/v1/keys/" + key, nil},
		{"DELETE", "/api/v1/keys/" + key, nil},
		{"PATCH", "/api/v1/keys/" + key, map[string]any{"revision": 1, "name": "mine"}},
		{"POST", "/api/v1/keys/" + key + "/verify", nil},
		{"GET", "/api/v1/prompts/" + prompt, nil},
		{"PATCH", "/api/v1/prompts/" + prompt, map[string]any{"revision": 1, "name": "mine"}},
		{"DELETE", "/api/v1/prompts/" + prompt, nil},
		{"POST", "/api/v1/prompts/" + prompt + "/move", map[string]any{"to": "top", "revision": 0}},
		{"GET", "/api/v1/prompts/" + prompt + "/revisions", nil},
		{"GET", "/api/v1/prompts/" + prompt + "/revisions/1", nil},
		{"GET", "/api/v1/prompts/" + prompt + "/compare", nil},
		{"GET", "/api/v1/accounts/" + admin.id, nil},
		{"DELETE", "/api/v1/accounts/" + admin.id, nil},
	} {
		if a := stranger.must(http.StatusNotFound, r.method, r.path, r.body); strings.Contains(string(a.body), "SECRET") {
			t.Errorf("%s %s answers %s", r.method, r.path, a.body)
		}
	}
	for _, list := range []string{"calls", "keys", "prompts", "notifications?unseen=true"} {
		a := stranger.must(http.StatusOK, "GET", "/api/v1/"+list, nil)
		if strings.Contains(string(a.body), analysis) || strings.Contains(string(a.body), `"id"`) {
			t.Errorf("%s: %s", list, a.body)
		}
	}
	admin.must(http.StatusOK, "GET", "/api/v1/analyses/"+analysis, nil) // and nothing was deleted
	w.stop()
}

// Who may do what: keys, prompts and accounts are the administrator's; analyses need edit, or one's own call.
func TestWhoMayDoWhat(t *testing.T) { everyWay(t, whoMayDoWhat) }

func whoMayDoWhat(s stage) {
	t, way := s.t, s.way
	w := way.newWorld(t)
	w.start()
	admin := w.logIn("admin", adminPassword)
	key := admin.key(w.base)
	prompt := admin.prompt(key, "about")
	viewer := admin.account(w, "viewer", "user", "view")
	supervisor := admin.account(w, "supervisor", "supervisor", "edit")
	admin.say("theirs", 0, "Good morning.", "I have a question.")
	own := words(0, "Good morning.", "I have a question.")
	own["call"] = map[string]any{"agentAccount": "viewer", "label": "own call"}
	admin.must(http.StatusOK, "POST", "/api/v1/calls/own/utterances", own)

	ask := map[string]string{"promptId": prompt}
	viewer.must(http.StatusForbidden, "POST", "/api/v1/calls/theirs/analyses", ask)
	viewer.must(http.StatusForbidden, "POST", "/api/v1/calls/theirs/utterances", words(2, "x"))
	mine := viewer.analyse("own", prompt)
	viewer.finished(mine)
	theirs := supervisor.analyse("theirs", prompt)
	supervisor.finished(theirs)
	viewer.must(http.StatusOK, "GET", "/api/v1/analyses/"+theirs, nil)
	viewer.must(http.StatusForbidden, "DELETE", "/api/v1/analyses/"+theirs, nil)
	viewer.must(http.StatusNoContent, "DELETE", "/api/v1/analyses/"+mine, nil)
	supervisor.must(http.StatusNoContent, "DELETE", "/api/v1/analyses/"+theirs, nil)

	for _, p := range []*person{viewer, supervisor} {
		for _, r := range [][2]string{
			{"GET", "/api/v1/keys"}, {"GET", "/api/v1/keys/form"}, {"POST", "/api/v1/keys/" + key + "/verify"}, {"GET", "/api/v1/accounts"}, {"DELETE", "/api/v1/keys/" + key},
			{"DELETE", "/api/v1/prompts/" + prompt},
		} {
			p.must(http.StatusForbidden, r[0], r[1], nil)
		}
		p.must(http.StatusForbidden, "PUT", "/api/v1/prompts/order", map[string]any{"ids": []string{prompt}, "revision": 0})
		list := string(p.must(http.StatusOK, "GET", "/api/v1/prompts", nil).body)
		if strings.Contains(list, "keyId") || !strings.Contains(list, prompt) {
			t.Errorf("they see %s", list)
		}
	}
	nobody := &person{t: t, at: viewer.at, token: "0123"}
	for _, path := range []string{"calls", "prompts", "me", "notifications", "notifications/stream", "calls/own/transcript"} {
		nobody.must(http.StatusUnauthorized, "GET", "/api/v1/"+path, nil)
	}
	a := admin.must(http.StatusConflict, "DELETE", "/api/v1/keys/"+url.PathEscape(key), nil)
	if !strings.Contains(string(a.body), "KEY_IN_USE") || !strings.Contains(string(a.body), "about") {
		t.Errorf("a key in use: %s", a.body)
	}
	w.stop()
}
