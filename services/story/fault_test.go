package story_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/services/simulator"
)

// What goes wrong at the provider ends an analysis once, with the words of the product, and is asked again only where it
// surely was not processed.
func TestEveryFaultOfTheProviderHasItsWords(t *testing.T) {
	everyWay(t, everyFaultOfTheProviderHasItsWords)
}

func everyFaultOfTheProviderHasItsWords(s stage) {
	t, way := s.t, s.way
	w := way.newWorld(t)
	w.start()
	admin := w.logIn("admin", adminPassword)
	prompt := admin.prompt(admin.key(w.base), "about")
	refuse := func(kind, code, message string) string {
		return `{"error":{"message":"` + message + `","type":"` + kind + `","param":null,"code":"` + code + `"}}`
	}
	for _, c := range []struct {
		marker, code, title string
		requests            int // that reach the provider
		fault               simulator.Fault
	}{
		{"auth", "PROVIDER_AUTH", "OpenAI 認証エラー", 1, simulator.Fault{Status: 401, Body: refuse("invalid_request_error",
			"invalid_api_key", "Incorrect API key provided: "+secret+".")}},
		{"credit", "PROVIDER_CREDIT", "OpenAI レート制限エラー", 1, simulator.Fault{Status: 429, Body: refuse(
			"insufficient_quota", "insufficient_quota", "You exceeded your current quota.")}},
		{"cut", "PROVIDER_INTERRUPTED", "OpenAI サーバー リクエスト中断エラー", 1, simulator.Fault{}},
		{"half", "PROVIDER_INTERRUPTED", "OpenAI サーバー リクエスト中断エラー", 1, simulator.Fault{
			Status: 200, Body: `{"id":"x","choices":[`, CutAfter: 10}},
		{"html", "PROVIDER_OTHER", "OpenAI エラー", 1, simulator.Fault{Status: 200, Body: "<html>",
			Header: map[string]string{"Content-Type": "text/html"}}},
		{"hollow", "PROVIDER_OTHER", "OpenAI エラー", 1, simulator.Fault{Status: 200, Body: `{"choices":[]}`}},
		{"model", "PROVIDER_OTHER", "OpenAI エラー", 1, simulator.Fault{Status: 404, Body: refuse("invalid_request_error",
			"model_not_found", "The model does not exist.")}},
		{"rate", "", "", 2, simulator.Fault{Status: 429, Header: map[string]string{"Retry-After-Ms": "50"}, Body: refuse(
			"tokens", "rate_limit_exceeded", "Rate limit reached. Please try again in 50ms.")}},
		{"overload", "", "", 2, simulator.Fault{Status: 503, Body: refuse("service_unavailable_error",
			"server_is_overloaded", "The server is overloaded.")}},
		{"server", "", "", 3, simulator.Fault{Status: 500, Times: 2, Body: "oops"}},
	} {
		c.fault.Marker = "marker-" + c.marker
		w.provider.Script(c.fault)
		admin.say(c.marker, 0, "Hello.", c.fault.Marker+" is what I call about.")
		before := analysed(w.provider)
		a := admin.finished(admin.analyse(c.marker, prompt))
		switch {
		case c.code == "" && a.State != "completed":
			t.Errorf("%s: %+v", c.marker, a)
		case c.code != "" && (a.State != "failed" || a.Error.Code != c.code || a.Error.Title != c.title):
			t.Errorf("%s: %+v", c.marker, a)
		}
		if n := analysed(w.provider) - before; n != c.requests {
			t.Errorf("%s: %d requests reached the provider, want %d", c.marker, n, c.requests)
		}
		list := string(admin.must(http.StatusOK, "GET", "/api/v1/calls/"+c.marker+"/analyses", nil).body)
		if strings.Contains(list, secret[:12]) || strings.Contains(list, secret[len(secret)-8:]) {
			t.Errorf("%s: a part of the key is told: %s", c.marker, list)
		}
	}
	w.stop()
	sweep(t, w)
}

// An analysis that waits at the provider is cancelled by a person, and its call is free again.
func TestAnAnalysisIsCancelledWhileItRuns(t *testing.T) {
	everyWay(t, anAnalysisIsCancelledWhileItRuns)
}

func anAnalysisIsCancelledWhileItRuns(s stage) {
	t, way := s.t, s.way
	w := way.newWorld(t)
	w.start()
	admin := w.logIn("admin", adminPassword)
	prompt := admin.prompt(admin.key(w.base), "about")
	w.provider.Script(simulator.Fault{Marker: "slow-marker", Hang: -1})
	admin.say("call", 0, "Hello.", "This is the slow-marker.")
	before := len(w.provider.Ledger())
	id := admin.analyse("call", prompt)
	until(t, "the question is at the provider", 20*time.Second, func() bool { return len(w.provider.Ledger()) > before })
	admin.must(http.StatusConflict, "DELETE", "/api/v1/analyses/"+id, nil)
	admin.must(http.StatusOK, "POST", "/api/v1/analyses/"+id+"/cancel", nil)
	admin.must(http.StatusOK, "POST", "/api/v1/analyses/"+id+"/cancel", nil)
	if a := admin.finished(id); a.State != "cancelled" {
		t.Fatalf("%+v", a)
	}
	if a := admin.finished(admin.analyse("call", prompt)); a.State != "completed" {
		t.Fatalf("after it: %+v", a)
	}
	admin.must(http.StatusNoContent, "DELETE", "/api/v1/analyses/"+id, nil)
	admin.must(http.StatusNotFound, "GET", "/api/v1/analyses/"+id, nil)
	w.stop()
}

// analysed is how many requests of analyses have reached a provider. After some refusals the key is checked, too.
func analysed(provider *simulator.Server) (n int) {
	for _, e := range provider.Ledger() {
		if e.Endpoint == "chat/completions" && !strings.HasPrefix(e.ClientRequestID, "verify-") {
			n++
		}
	}
	return n
}
