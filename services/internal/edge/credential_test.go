package edge

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

func TestWhoGetsIn(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	for name, c := range map[string]struct {
		headers []string
		want    int
	}{
		"nothing":                {nil, 401},
		"a token":                {[]string{"Authorization: Token good"}, 200},
		"a bearer":               {[]string{"Authorization: bEaReR good"}, 200},
		"a login":                {[]string{"Cookie: kikigaki_login=cookie"}, 200},
		"a login behind TLS":     {[]string{"Cookie: __Host-kikigaki_login=cookie"}, 200},
		"an unknown token":       {[]string{"Authorization: Token bad"}, 401},
		"a token as a login":     {[]string{"Cookie: kikigaki_login=good"}, 401},
		"a login as a token":     {[]string{"Authorization: Bearer cookie"}, 401},
		"another scheme":         {[]string{"Authorization: Basic good"}, 401},
		"no value":               {[]string{"Authorization: Token "}, 401},
		"an empty cookie":        {[]string{"Cookie: kikigaki_login="}, 401},
		"a bad token, a login":   {[]string{"Authorization: Token bad", "Cookie: kikigaki_login=cookie"}, 401},
		"a claim":                {[]string{"X-Tenant: north", "Kikigaki-Statement: x"}, 401},
		"an endless token":       {[]string{"Authorization: Token " + strings.Repeat("x", 300)}, 401},
		"another cookie besides": {[]string{"Cookie: theme=dark; kikigaki_login=cookie"}, 200},
	} {
		res, body := f.ask(t, whoami, request(http.MethodGet, "", c.headers...))
		if res.code != c.want || c.want == 200 && body["accountId"] != "a1" {
			t.Errorf("%s: %d %v", name, res.code, body)
		}
		if c.want == 401 && (body["code"] != "UNAUTHENTICATED" || res.header.Get("WWW-Authenticate") == "") {
			t.Errorf("%s: %v", name, body)
		}
	}
}

// TestOtherSitesCannotActWithOurCookie is the fence against forged requests.
func TestOtherSitesCannotActWithOurCookie(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	const cookie = "Cookie: kikigaki_login=cookie"
	upgrade := []string{cookie, "Connection: Upgrade", "Upgrade: websocket"}
	for name, c := range map[string]struct {
		method  string
		headers []string
		want    int
	}{
		"reading":                         {"GET", []string{cookie, "Origin: https://evil.example"}, 200},
		"writing, no origin":              {"POST", []string{cookie}, 403},
		"writing, another site":           {"POST", []string{cookie, "Origin: https://evil.example"}, 403},
		"writing, a sandbox":              {"POST", []string{cookie, "Origin: null"}, 403},
		"writing, a name like ours":       {"POST", []string{cookie, "Origin: https://kikigaki.example.evil.example"}, 403},
		"writing, another port":           {"POST", []string{cookie, "Origin: http://kikigaki.example:81"}, 403},
		"writing, ours":                   {"POST", []string{cookie, "Origin: http://kikigaki.example"}, 200},
		"writing, the browser says ours":  {"PUT", []string{cookie, "Sec-Fetch-Site: same-origin"}, 200},
		"writing, the browser says other": {"PATCH", []string{cookie, "Sec-Fetch-Site: cross-site", "Origin: http://kikigaki.example"}, 403},
		"writing, a sister site":          {"DELETE", []string{cookie, "Sec-Fetch-Site: same-site"}, 403},
		"writing, our script":             {"DELETE", []string{cookie, "X-Requested-With: kikigaki"}, 200},
		"writing, another script":         {"POST", []string{cookie, "X-Requested-With: XMLHttpRequest"}, 403},
		"writing with a token":            {"POST", []string{"Authorization: Token good", "Origin: https://evil.example"}, 200},
		"a socket of another site":        {"GET", append(upgrade, "Origin: https://evil.example"), 403},
		"a socket of ours":                {"GET", append(upgrade, "Origin: http://kikigaki.example"), 200},
		"a socket of no browser":          {"GET", upgrade, 200},
	} {
		res, body := f.ask(t, whoami, request(c.method, "", c.headers...))
		if res.code != c.want {
			t.Errorf("%s: %d %v", name, res.code, body)
		}
	}
}

func TestARevokedCredentialEndsWithinFiveSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFront(t)
		good := Credential{Token: "good"}
		recheck := func(want fault.Kind, asked int) {
			t.Helper()
			if err := f.Recheck(t.Context(), good); fault.KindOf(err) != want || f.desk.times() != asked {
				t.Errorf("got %v after asking %d times, want %v after %d", err, f.desk.times(), want, asked)
			}
		}
		recheck(fault.Other, 1)
		f.desk.revoke("token good")
		time.Sleep(goodFor - time.Millisecond)
		recheck(fault.Other, 1)
		time.Sleep(time.Millisecond)
		recheck(fault.Unauthenticated, 2)
		f.desk.set("token good", anna())
		time.Sleep(refusedFor - time.Millisecond)
		recheck(fault.Unauthenticated, 2)
		time.Sleep(time.Millisecond)
		recheck(fault.Other, 3)
		f.desk.revoke("token good")
		f.Forget(good)
		recheck(fault.Unauthenticated, 4)
	})
}

func TestNoCredentialThatIsTooLongIsAskedAbout(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	long := strings.Repeat("x", maxCredential+1)
	for _, c := range []Credential{{Token: long}, {Login: long}} {
		if err := f.Recheck(t.Context(), c); fault.KindOf(err) != fault.Unauthenticated {
			t.Errorf("got %v", err)
		}
	}
	if n := f.desk.times(); n != 0 {
		t.Errorf("access was asked %d times", n)
	}
	if err := f.Recheck(t.Context(), Credential{Token: long[1:]}); fault.KindOf(err) != fault.Unauthenticated || f.desk.times() != 1 {
		t.Errorf("got %v after asking %d times", err, f.desk.times())
	}
}

func TestAccessBeingAwayLogsNobodyOut(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	f.desk.fail(fault.New(fault.Unavailable, "UNAVAILABLE", fault.RetryIn(1500*time.Millisecond)))
	token := "Authorization: Token good"
	res, body := f.ask(t, whoami, request(http.MethodGet, "", token))
	if res.code != http.StatusServiceUnavailable || res.header.Get("Retry-After") != "2" || body["code"] != "UNAVAILABLE" {
		t.Fatalf("got %d %v", res.code, body)
	}
	f.desk.fail(nil)
	if res, body = f.ask(t, whoami, request(http.MethodGet, "", token)); res.code != 200 {
		t.Fatalf("the failure was kept: %d %v", res.code, body)
	}
}

// TestAStatementThatDoesNotVerifyIsNobody is a fence: access's answer is believed for its signature alone.
func TestAStatementThatDoesNotVerifyIsNobody(t *testing.T) {
	t.Parallel()
	f := build(t, identity.GenerateSecrets(identity.Access), identity.GenerateSecrets(identity.Access, "console"))
	res, body := f.ask(t, whoami, request(http.MethodGet, "", "Authorization: Token good"))
	if res.code != http.StatusInternalServerError || body["code"] != "INTERNAL" || body["accountId"] != nil {
		t.Fatalf("got %d %v", res.code, body)
	}
}

func TestOneCredentialIsAskedAboutOnceAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFront(t)
		f.desk.hold = make(chan struct{})
		errs := make(chan error, 20)
		for range cap(errs) {
			go func() { errs <- f.Recheck(t.Context(), Credential{Token: "good"}) }()
		}
		synctest.Wait()
		close(f.desk.hold)
		for range cap(errs) {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if n := f.desk.times(); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

func TestWhatStrangersMakeUsRememberIsBounded(t *testing.T) {
	t.Parallel()
	r := newResolver(nil, nil)
	now := time.Now()
	good := Credential{Token: "good"}
	r.keep(good, known{caller: anna(), until: now.Add(goodFor)})
	refused := fault.New(fault.Unauthenticated, "UNAUTHENTICATED")
	for i := range 3 * maxResolved {
		r.keep(Credential{Token: string(rune(i + 256))}, known{err: refused, until: now.Add(time.Hour)})
	}
	if len(r.answers) > maxResolved {
		t.Errorf("%d answers are kept", len(r.answers))
	}
	if _, ok := r.kept(good, now); !ok {
		t.Error("refusals pushed out somebody who may come in")
	}
	for i := range 2 * maxResolved {
		r.keep(Credential{Login: string(rune(i + 256))}, known{until: now.Add(time.Hour)})
	}
	if len(r.answers) > maxResolved {
		t.Errorf("%d answers are kept", len(r.answers))
	}
}
