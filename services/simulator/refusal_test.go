package simulator_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/services/internal/llm"
	"github.com/kikigaki/kikigaki/services/simulator"
)

func TestWhatAProviderRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg    llm.Config
		req    llm.Request
		status int
		code   string
		class  llm.Class
	}{
		"a wrong key":            {llm.Config{Secret: "sk-proj-Wrong8Kp3nVc"}, about("sim-large", dialogue), 401, "invalid_api_key", llm.ClassAuth},
		"a deactivated account":  {llm.Config{Secret: deadSecret}, about("sim-large", dialogue), 401, "account_deactivated", llm.ClassAuth},
		"a key that may look":    {llm.Config{Secret: lookingSecret}, about("sim-large", dialogue), 401, "", llm.ClassAuth},
		"no credit":              {llm.Config{Secret: pennilesSecret}, about("sim-large", dialogue), 429, "insufficient_quota", llm.ClassBilling},
		"a foreign organisation": {llm.Config{Secret: goodSecret, OrganizationID: "org-x"}, about("sim-large", dialogue), 401, "mismatched_organization", llm.ClassAuth},
		"a foreign project":      {llm.Config{Secret: goodSecret, ProjectID: "proj-x"}, about("sim-large", dialogue), 401, "mismatched_project", llm.ClassAuth},
		"a project's model":      {llm.Config{Secret: walledSecret}, about("sim-large", dialogue), 403, "model_not_found", llm.ClassConfig},
		"an unknown model":       {llm.Config{Secret: goodSecret}, about("gpt-0", dialogue), 404, "model_not_found", llm.ClassConfig},
		"longer than the window": {llm.Config{Secret: goodSecret}, about("small-window", strings.Repeat("a", 300)), 400, "context_length_exceeded", llm.ClassNeverFits},
		"more than the limit":    {llm.Config{Secret: goodSecret}, about("small-limit", strings.Repeat("a", 2000)), 429, "rate_limit_exceeded", llm.ClassNeverFits},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			e := refused(t, b.client(t, c.cfg), c.req)
			if e.Status != c.status || e.Code != c.code || e.Class != c.class || e.MaybeProcessed || e.Message == "" {
				t.Errorf("got %+v", e)
			}
			if !strings.HasPrefix(e.RequestID, "req_") {
				t.Errorf("request id %q", e.RequestID)
			}
			if n := b.asked(); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// TestNoPartOfAKeyIsTold is a fence: providers repeat the head and tail of a wrong key, and some the whole of it, and
// what they say goes to screens, logs and events.
func TestNoPartOfAKeyIsTold(t *testing.T) {
	t.Parallel()
	const secret = "sk-proj-abcdefghWrong8Kp3nVcsecretzyxw"
	for name, body := range map[string]string{
		"by OpenAI":     "",
		"whole":         `{"error":"bad key ` + secret + `!"}`,
		"head":          `{"error":{"message":"bad key abcd...","code":"` + secret[:20] + `","type":"` + secret[9:] + `","param":"` + secret + `"}}`,
		"tail":          `{"error":{"message":"the key that ends in zyxw is unknown"}}`,
		"pieces":        `{"detail":"hijk efgh, Wron g8Kp 3nVc"}`,
		"plain text":    "no such key: " + secret,
		"starred":       `{"message":"sk-pro*****************zyxw"}`,
		"in its middle": `{"message":"key xx` + secret[12:24] + `yy unknown"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			if body != "" {
				b.Server = simulator.New(simulator.Config{Keys: []simulator.Key{{Secret: secret}}})
				b.url = start(t, b.Server)
				b.Script(simulator.Fault{Status: http.StatusUnauthorized, Body: body, Header: map[string]string{"X-Request-Id": "req-" + secret}})
			}
			e := refused(t, b.client(t, llm.Config{Secret: secret}), about("sim-large", dialogue))
			told := fmt.Sprintf("%v|%+v|%s|%s", e, *e, e.Message, e.RequestID)
			for at := len("sk-proj-"); at+4 <= len(secret); at++ {
				if part := secret[at : at+4]; strings.Contains(strings.ReplaceAll(told, "[secret]", ""), part) {
					t.Errorf("%q of the key is told: %s", part, told)
				}
			}
			if e.Status != http.StatusUnauthorized || e.Class != llm.ClassAuth {
				t.Errorf("got %+v", e)
			}
		})
	}
}

func TestASecretPrintsAsNothing(t *testing.T) {
	t.Parallel()
	s := llm.Secret(goodSecret)
	text, err := s.MarshalText()
	told := fmt.Sprintf("%v %+v %#v %s %q %s %v", s, s, s, s, s, text, s.LogValue())
	if err != nil || strings.Contains(told, "Good") {
		t.Errorf("%s, %v", told, err)
	}
}

// TestWordsOfAProviderStayReadable keeps the redaction from eating words that are part of how every key begins.
func TestWordsOfAProviderStayReadable(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	e := refused(t, b.client(t, llm.Config{Secret: goodSecret, ProjectID: "proj-x"}), about("sim-large", dialogue))
	if want := "OpenAI-Project header should match project for API key"; e.Message != want {
		t.Errorf("got %q", e.Message)
	}
}

func TestAProviderSaysWhenToComeAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.client(t, llm.Config{Secret: goodSecret})
	if _, err := c.Complete(t.Context(), about("small-limit", strings.Repeat("a", 700))); err != nil {
		t.Fatal(err)
	}
	e := refused(t, c, about("small-limit", strings.Repeat("a", 700)))
	// 413 tokens of 500 are taken by each; they come back at 500 a minute.
	if e.Class != llm.ClassRetryAfter || e.RetryAfter < 30*time.Second || e.RetryAfter > time.Minute {
		t.Errorf("got %+v", e)
	}
}

func TestEveryWayToSayWhenToComeAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.client(t, llm.Config{Secret: goodSecret})
	for name, w := range map[string]struct {
		header map[string]string
		body   string
		least  time.Duration
		most   time.Duration
	}{
		"milliseconds first": {map[string]string{"Retry-After-Ms": "1500", "Retry-After": "9"}, `{}`, 1500 * time.Millisecond, 1500 * time.Millisecond},
		"seconds":            {map[string]string{"Retry-After": "7"}, `{}`, 7 * time.Second, 7 * time.Second},
		"a date":             {map[string]string{"Retry-After": time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)}, `{}`, 30 * time.Second, time.Minute},
		"a date gone by":     {map[string]string{"Retry-After": "Mon, 02 Jan 2006 15:04:05 GMT"}, `{}`, 0, 0},
		"in words":           {nil, `{"error":{"message":"Please try again in 1m3.5s."}}`, 63500 * time.Millisecond, 63500 * time.Millisecond},
		"nonsense":           {map[string]string{"Retry-After": "soon", "Retry-After-Ms": "-4"}, `{}`, 0, 0},
		"nothing":            {nil, `{}`, 0, 0},
	} {
		b.Script(simulator.Fault{Status: http.StatusTooManyRequests, Header: w.header, Body: w.body})
		if e := refused(t, c, about("sim-large", dialogue)); e.RetryAfter < w.least || e.RetryAfter > w.most || e.Class != llm.ClassRetryAfter {
			t.Errorf("%s: got %+v", name, e)
		}
	}
}
