package edge

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

func failing(err error) Handler {
	return func(http.ResponseWriter, *http.Request) error { return err }
}

const token = "Authorization: Token good"

func TestAProblemSaysWhatProgramsNeed(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	res, body := f.ask(t, failing(fault.Op("prompts.update", fault.New(fault.Unprocessable, "KEY_REFUSED",
		fault.Field("secret"), fault.Param("limit", "7"),
		fault.FromProvider(fault.Provider{Status: 401, Code: "invalid_api_key", Message: "Incorrect API key", RequestID: "r1"})))),
		request(http.MethodGet, "", token))
	provider, _ := body["provider"].(map[string]any)
	params, _ := body["params"].(map[string]any)
	if res.code != http.StatusUnprocessableEntity || body["status"] != 422.0 || body["type"] != "about:blank" || body["code"] != "KEY_REFUSED" ||
		body["field"] != "secret" || params["limit"] != "7" || provider["requestId"] != "r1" ||
		provider["message"] != "Incorrect API key" || body["title"] == "" {
		t.Fatalf("got %d %v", res.code, body)
	}
	if got := res.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("got %q", got)
	}
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "same-origin",
	} {
		if got := res.header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestAMistakeOfOursTellsNothing is a fence: what broke inside is for the log.
func TestAMistakeOfOursTellsNothing(t *testing.T) {
	t.Parallel()
	secret := errors.New("open /srv/master.key")
	for _, err := range []error{
		secret, fault.Op("keys.open", secret),
		fault.New(fault.Internal, "VIEW_TORN", fault.Wrapping(secret), fault.Field("master.key"), fault.Param("p", "master.key")),
		fault.New(fault.Other, "ODD", fault.Wrapping(secret), fault.Param("p", "master.key")),
		fault.New(fault.Unavailable, "UNAVAILABLE", fault.Wrapping(secret)),
	} {
		f := newFront(t)
		w := httptest.NewRecorder()
		f.Authenticated(failing(err)).ServeHTTP(w, request(http.MethodGet, "", token))
		if w.Code < 500 || strings.Contains(w.Body.String(), "master.key") || strings.Contains(w.Body.String(), "VIEW_TORN") {
			t.Errorf("%v: %d %s", err, w.Code, w.Body)
		}
		if !strings.Contains(f.log.String(), "open /srv/master.key") {
			t.Errorf("%v is not in the log: %s", err, f.log)
		}
	}
}

func TestTheTitleIsInTheReadersLanguage(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	titles := map[string]bool{}
	for accept, want := range map[string]string{"ja": "ja", "en-GB, ja;q=0.5": "en", "": "pt-BR"} {
		res, body := f.ask(t, failing(fault.New(fault.NotFound, "NOT_FOUND")), request(http.MethodGet, "", token, "Accept-Language: "+accept))
		if got := res.header.Get("Content-Language"); got != want {
			t.Errorf("%q: answered in %q", accept, got)
		}
		title, _ := body["title"].(string)
		titles[title] = true
	}
	if len(titles) != 3 || titles[""] {
		t.Errorf("got %v", titles)
	}
	w := httptest.NewRecorder()
	f.Open(failing(fault.New(fault.NotFound, "NOT_FOUND"))).ServeHTTP(w, request(http.MethodGet, ""))
	if got := w.Header().Get("Content-Language"); got != "ja" {
		t.Errorf("a stranger is answered in %q", got)
	}
}

func TestWhenToTryAgain(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	for want, err := range map[string]error{
		"30": fault.New(fault.TooMany, "TOO_MANY_REQUESTS", fault.RetryIn(29*time.Second+time.Millisecond)),
		"1":  fault.New(fault.Unavailable, "UNAVAILABLE"),
		"":   fault.New(fault.Conflict, "REVISION_STALE"),
	} {
		res, _ := f.ask(t, failing(err), request(http.MethodGet, "", token))
		if got := res.header.Get("Retry-After"); got != want {
			t.Errorf("%v: %q", err, got)
		}
	}
}

func TestACodeWithoutTextsStillHasATitle(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	_, body := f.ask(t, failing(fault.New(fault.Conflict, "OF_A_LATER_VERSION")), request(http.MethodGet, "", token))
	if body["code"] != "OF_A_LATER_VERSION" || body["title"] == "" {
		t.Fatalf("got %v", body)
	}
}

func TestNoErrorIsNoProblem(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	newFront(t).Problem(w, request(http.MethodGet, ""), nil)
	if w.Body.Len() != 0 {
		t.Fatalf("got %s", w.Body)
	}
}

func TestAClientThatWentAwayIsNotLogged(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.Problem(httptest.NewRecorder(), request(http.MethodGet, "").WithContext(ctx), ctx.Err())
	if text := f.log.String(); text != "" {
		t.Fatalf("the log says: %s", text)
	}
}
