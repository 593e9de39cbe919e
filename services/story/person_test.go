package story_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// person is somebody who uses the API with a token.
type person struct {
	t     *testing.T
	at    string
	token string
	id    string
	seen  *positions
	trace string // traceparent of what is asked next
}

// positions are how far a person knows that the system has come, as its answers said: what is read next, from whatever
// replica, is not older.
type positions struct {
	mu sync.Mutex
	of map[string]string
}

func (p *positions) get(path string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.of[noun(path)]
}

func (p *positions) set(path, position string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if position != "" {
		p.of[noun(path)] = position
	}
}

// noun is what a path is about; analyses are a part of their call's history, and so is what screens are told.
func noun(path string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(path, "/api/v1/"), "/")
	name, _, _ = strings.Cut(name, "?")
	if name == "analyses" || name == "notifications" {
		return "calls"
	}
	return name
}

// patient is a client that waits half a minute.
func patient() *http.Client { return &http.Client{Timeout: 30 * time.Second} }

// answer is what came back.
type answer struct {
	status int
	body   []byte
	header http.Header
}

func (a answer) into(t *testing.T, out any) {
	t.Helper()
	if err := json.Unmarshal(a.body, out); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
}

// logIn makes a person of a login and a password, with a token of their own.
func (w *world) logIn(login, password string) *person {
	w.t.Helper()
	body := strings.NewReader(fmt.Sprintf(`{"login":%q,"password":%q}`, login, password))
	asked, _ := http.NewRequest(http.MethodPost, "http://"+w.address+"/api/v1/session", body)
	asked.Header.Set("Content-Type", "application/json")
	res, err := patient().Do(asked)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, _ := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusOK || len(res.Cookies()) == 0 {
		w.t.Fatalf("login %s: %d %s", login, res.StatusCode, text)
	}
	req, _ := http.NewRequest(http.MethodPost, "http://"+w.address+"/api/v1/tokens", strings.NewReader(`{"name":"story"}`))
	req.AddCookie(res.Cookies()[0])
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Requested-With", "kikigaki")
	made, err := patient().Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = made.Body.Close() }()
	var me struct{ Account struct{ ID string } }
	var token struct{ Token string }
	if json.Unmarshal(text, &me) != nil || json.NewDecoder(made.Body).Decode(&token) != nil || token.Token == "" {
		w.t.Fatalf("token of %s: %d", login, made.StatusCode)
	}
	return &person{t: w.t, at: "http://" + w.address, token: token.Token, id: me.Account.ID, seen: &positions{of: map[string]string{}}}
}

// try makes one request, which may fail to arrive.
func (p *person) try(method, path string, body any) (answer, error) {
	return p.tryWith(method, path, body, nil)
}

// tryWith is try with some headers more; empty ones are left out.
func (p *person) tryWith(method, path string, body any, headers map[string]string) (answer, error) {
	var in io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return answer{}, err
		}
		in = bytes.NewReader(data)
	}
	req, err := http.NewRequest(method, p.at+path, in)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	req.Header.Set("Content-Type", "application/json")
	for name, value := range headers {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if p.trace != "" {
		req.Header.Set("Traceparent", p.trace)
	}
	if p.seen != nil && p.seen.get(path) != "" {
		req.Header.Set("Kikigaki-Position", p.seen.get(path))
	}
	res, err := patient().Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if p.seen != nil && err == nil && res.StatusCode < http.StatusMultipleChoices {
		p.seen.set(path, res.Header.Get("Kikigaki-Position"))
	}
	return answer{res.StatusCode, text, res.Header}, err
}

// must makes one request that has to be answered with a status.
func (p *person) must(status int, method, path string, body any) answer {
	p.t.Helper()
	a, err := p.try(method, path, body)
	if err != nil {
		p.t.Fatal(err)
	}
	if a.status != status {
		p.t.Fatalf("%s %s: %d, want %d: %s", method, path, a.status, status, a.body)
	}
	return a
}

// key registers the simulated provider's key.
func (p *person) key(base string) string {
	p.t.Helper()
	var made struct{ ID string }
	p.must(http.StatusCreated, "POST", "/api/v1/keys", map[string]any{
		"kind": "openai", "name": "story", "secret": secret, "model": "sim-large", "baseUrl": base,
	}).into(p.t, &made)
	return made.ID
}

// prompt makes a prompt and returns its id.
func (p *person) prompt(key, name string) string {
	p.t.Helper()
	var made struct{ ID string }
	p.must(http.StatusCreated, "POST", "/api/v1/prompts", map[string]any{
		"name": name, "keyKind": "openai", "keyId": key, "text": "What was this call about?",
	}).into(p.t, &made)
	return made.ID
}

// account makes an account and returns who it is.
func (p *person) account(w *world, login, role, permission string) *person {
	p.t.Helper()
	p.must(http.StatusCreated, "POST", "/api/v1/accounts", map[string]any{
		"login": login, "name": login, "role": role, "callPermission": permission, "password": adminPassword,
	})
	return w.logIn(login, adminPassword)
}

// say appends utterances to a call, numbered from first.
func (p *person) say(call string, first int, texts ...string) answer {
	p.t.Helper()
	return p.must(http.StatusOK, "POST", "/api/v1/calls/"+url.PathEscape(call)+"/utterances", words(first, texts...))
}

func words(first int, texts ...string) map[string]any {
	var list []map[string]any
	for i, text := range texts {
		list = append(list, map[string]any{
			"utteranceId": fmt.Sprint(first + i), "speaker": []string{"agent", "customer"}[(first+i)%2], "text": text,
		})
	}
	return map[string]any{"utterances": list}
}

// analyse asks for an analysis and returns its id.
func (p *person) analyse(call, prompt string) string {
	p.t.Helper()
	var got struct{ Analyses []struct{ ID string } }
	p.must(http.StatusAccepted, "POST", "/api/v1/calls/"+url.PathEscape(call)+"/analyses",
		map[string]string{"promptId": prompt}).into(p.t, &got)
	return got.Analyses[0].ID
}

type outcome struct {
	ID     string
	State  string
	Result struct{ Text string }
	Error  struct{ Code, Title string }
}

// finished waits for an analysis's end.
func (p *person) finished(id string) (a outcome) {
	p.t.Helper()
	until(p.t, "analysis "+id+" ends", 60*time.Second, func() bool {
		p.must(http.StatusOK, "GET", "/api/v1/analyses/"+id+"?full=true", nil).into(p.t, &a)
		return a.State != "queued" && a.State != "running"
	})
	return a
}
