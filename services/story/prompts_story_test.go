package story_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/services/simulator"
)

// promptList is the list as it is shown.
type promptList struct {
	Revision uint32
	Prompts  []struct {
		ID, Name string
		Position int
		Revision uint32
		Broken   *struct {
			Code, Title string
			Params      map[string]string
		}
	}
}

func (p *person) promptList() (out promptList) {
	p.t.Helper()
	p.must(http.StatusOK, "GET", "/api/v1/prompts", nil).into(p.t, &out)
	return out
}

func (l promptList) names() (out []string) {
	for _, p := range l.Prompts {
		out = append(out, p.Name)
	}
	return out
}

// problem is what a refusal says.
type problem struct {
	Code, Field, Title, Detail string
	Params                     map[string]string
}

// refused asks for something that must be refused, and reads why, in a language.
func (p *person) refused(status int, method, path, language string, body any) (out problem) {
	p.t.Helper()
	a, err := p.tryWith(method, path, body, map[string]string{"Accept-Language": language})
	if err != nil || a.status != status {
		p.t.Fatalf("%s %s: %d, want %d: %s, %v", method, path, a.status, status, a.body, err)
	}
	a.into(p.t, &out)
	return out
}

// Two administrators put prompts into order, at whatever replica; who is second learns who was first, and what the order
// says is what operators choose from.
func TestTwoAdministratorsPutPromptsIntoOrder(t *testing.T) {
	everyWay(t, twoAdministratorsPutPromptsIntoOrder)
}

func twoAdministratorsPutPromptsIntoOrder(s stage) {
	t := s.t
	w := s.way.newWorld(t)
	w.start()
	admin := w.logIn("admin", adminPassword)
	second, operator := admin.account(w, "second", "system_admin", "edit"), admin.account(w, "operator", "user", "edit")
	key := admin.key(w.base)
	id := map[string]string{}
	for _, name := range []string{"a", "b", "c", "d"} {
		id[name] = admin.prompt(key, name)
	}
	second.seen.set("/api/v1/prompts", admin.seen.get("/api/v1/prompts"))
	second.must(http.StatusOK, "PUT", "/api/v1/prompts/order", map[string]any{"ids": []string{id["d"], id["b"]}, "revision": 0})
	late := admin.refused(http.StatusConflict, "PUT", "/api/v1/prompts/order", "en", map[string]any{"ids": []string{id["a"]}, "revision": 0})
	if late.Code != "REVISION_STALE" || late.Params["by"] != "second" || !strings.Contains(late.Detail, "second has changed it") {
		t.Errorf("who is late is told %+v", late)
	}
	var moved struct {
		Position int
		Revision uint32
	}
	admin.must(http.StatusOK, "POST", "/api/v1/prompts/"+id["c"]+"/move", map[string]any{"to": "top", "revision": 1}).into(t, &moved)
	admin.must(http.StatusOK, "POST", "/api/v1/prompts/"+id["d"]+"/move", map[string]any{"position": 3, "revision": 2}).into(t, &moved)
	if moved.Position != 3 || moved.Revision != 3 {
		t.Errorf("moved to %+v", moved)
	}
	late = second.refused(http.StatusConflict, "POST", "/api/v1/prompts/"+id["a"]+"/move", "ja", map[string]any{"to": "top", "revision": 1})
	if late.Title != "他の利用者が変更しました" || !strings.HasPrefix(late.Detail, "adminさんが先に") {
		t.Errorf("who is late is told %+v", late)
	}
	operator.seen.set("/api/v1/prompts", admin.seen.get("/api/v1/prompts"))
	if got := operator.promptList(); !slices.Equal(got.names(), []string{"c", "b", "d", "a"}) || got.Revision != 3 {
		t.Errorf("operators choose from %+v", got)
	}
	unknown := admin.refused(http.StatusUnprocessableEntity, "PUT", "/api/v1/prompts/order", "en",
		map[string]any{"ids": []string{id["a"], "gone"}, "revision": 3})
	if unknown.Field != "ids[1]" || unknown.Title != "The order names a prompt that is not there" {
		t.Errorf("an order with a prompt that is gone is told %+v", unknown)
	}
	operator.refused(http.StatusForbidden, "POST", "/api/v1/prompts/"+id["a"]+"/move", "en", map[string]any{"to": "top", "revision": 3})
	admin.refused(http.StatusBadRequest, "POST", "/api/v1/prompts/"+id["a"]+"/move", "en", map[string]any{"to": "top"})
	w.stop()
}

// What a prompt was is read, compared and kept with the results that used it, when it was changed and when it is gone.
func TestWhatAPromptWasIsKept(t *testing.T) { everyWay(t, whatAPromptWasIsKept) }

func whatAPromptWasIsKept(s stage) {
	t := s.t
	w := s.way.newWorld(t)
	w.start()
	admin := w.logIn("admin", adminPassword)
	prompt := admin.prompt(admin.key(w.base), "about")
	admin.say("call", 0, "Good morning.", "I have a question.")
	run := admin.analyse("call", prompt)
	admin.finished(run)
	at := "/api/v1/prompts/" + prompt
	admin.must(http.StatusOK, "PATCH", at, map[string]any{"revision": 1, "text": "What was that call about?", "advanced": true})

	var history struct {
		Revisions []struct {
			Revision  uint32
			Text      string
			Changed   []string
			ChangedAt time.Time
			ChangedBy struct{ Name string }
		}
	}
	admin.must(http.StatusOK, "GET", at+"/revisions", nil).into(t, &history)
	if r := history.Revisions; len(r) != 2 || r[0].Text != "What was that call about?" || r[1].Text != "What was this call about?" ||
		!slices.Equal(r[0].Changed, []string{"text", "advanced"}) || len(r[1].Changed) != 0 || r[0].ChangedBy.Name != "admin" ||
		time.Since(r[0].ChangedAt) > time.Hour {
		t.Errorf("its history is %+v", r)
	}
	var old struct{ Text string }
	admin.must(http.StatusOK, "GET", at+"/revisions/1", nil).into(t, &old)
	admin.must(http.StatusNotFound, "GET", at+"/revisions/3", nil)
	admin.must(http.StatusNotFound, "GET", at+"/revisions/x", nil)
	var compared struct {
		From, To uint32
		Changes  []struct {
			Field, Before, After string
			Parts                []struct{ Kind, Text string }
		}
	}
	admin.must(http.StatusOK, "GET", at+"/compare", nil).into(t, &compared)
	want := "{1 2 [{text What was this call about? What was that call about? " +
		"[{same What was } {removed this} {added that} {same  call about?}]} {advanced false true []}]}"
	if got := fmt.Sprint(compared); got != want || old.Text != "What was this call about?" {
		t.Errorf("compared: %s", got)
	}
	for _, c := range []struct {
		args []string
		says []string
	}{
		{[]string{"compare", "about"}, []string{
			"revision 1 to 2\n", "text: What was [-this-]{+that+} call about?\n", "advanced: [-false-]{+true+}\n",
		}},
		{[]string{"revisions", "about"}, []string{"2  20", "  admin  text, advanced\n1  20"}},
		{[]string{"move", "about", "9"}, []string{"about is now at place 1\n"}},
		{[]string{"list"}, []string{"1  about\n"}},
	} {
		until(t, fmt.Sprintf("kikigaki prompts %v says %q", c.args, c.says), 20*time.Second, func() bool { // another replica may lag
			out, err := w.command(admin.token, append([]string{"prompts"}, c.args...)...)
			return err == nil && !slices.ContainsFunc(c.says, func(want string) bool { return !strings.Contains(out, want) })
		})
	}
	if out, err := w.command(admin.token, "prompts", "compare", "nobody's"); err == nil || !strings.Contains(err.Error(), "there are: about") {
		t.Errorf("a prompt there is not: %q, %v", out, err)
	}
	admin.must(http.StatusNotFound, "GET", at+"/compare?from=1&to=9", nil)
	admin.must(http.StatusBadRequest, "GET", at+"/compare?from=first", nil)

	admin.must(http.StatusNoContent, "DELETE", at+"?revision=2", nil)
	admin.must(http.StatusNotFound, "GET", at+"/revisions", nil)
	var result struct {
		Prompt struct {
			Name, Text string
			Revision   uint32
		}
	}
	admin.must(http.StatusOK, "GET", "/api/v1/analyses/"+run, nil).into(t, &result)
	if p := result.Prompt; p.Name != "about" || p.Text != "What was this call about?" || p.Revision != 1 {
		t.Errorf("the result was asked for by %+v", p)
	}
	w.stop()
}

// A prompt whose model the provider has shut down is not waited for: who may choose it is told why not, and who asks with it
// is refused at once, without a question to the provider.
func TestAPromptWithoutAModelIsRefusedAtOnce(t *testing.T) {
	everyWay(t, aPromptWithoutAModelIsRefusedAtOnce)
}

func aPromptWithoutAModelIsRefusedAtOnce(s stage) {
	t := s.t
	w := s.way.newWorld(t)
	w.start()
	admin := w.logIn("admin", adminPassword)
	operator := admin.account(w, "operator", "user", "edit")
	today := time.Now().UTC().Truncate(24 * time.Hour)
	provider := simulator.New(simulator.Config{Keys: []simulator.Key{{Secret: secret}}, Models: []simulator.Model{
		{ID: "leaving", Window: 8000, TokensPerMinute: 100000, RequestsPerMinute: 1000, Shutdown: today.Add(24*time.Hour - time.Second)},
	}})
	base, err := provider.Start(context.Background(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = provider.Stop(context.Background()) })
	var key struct{ ID string }
	admin.must(http.StatusCreated, "POST", "/api/v1/keys", map[string]any{
		"kind": "openai", "name": "leaving", "secret": secret, "model": "leaving", "baseUrl": base,
	}).into(t, &key)
	prompt := admin.prompt(key.ID, "about")
	operator.say("call", 0, "Good morning.", "I have a question.")
	no := w.brokenEverywhere(admin, operator, prompt, "about", "MODEL_SHUT_DOWN", "leaving")
	says := fmt.Sprintf("The AI service shut down the model leaving on %s.", today.Format(time.DateOnly))
	if no.Title != "This prompt cannot be used: its model was shut down" || !strings.HasPrefix(no.Detail, says) {
		t.Errorf("who asks is told %+v", no)
	}
	asked := 0
	for _, e := range provider.Ledger() {
		if e.Endpoint != "models" {
			asked++
		}
	}
	if asked != 1 { // to prove the key
		t.Errorf("the provider was asked %d times", asked)
	}
	w.refusedLater(admin, operator)
	w.stop()
}

// refusedLater has the provider refuse a key that it had accepted: that is found when it is verified again, its prompt is
// broken from then on, and mended once the provider accepts the key again.
func (w *world) refusedLater(admin, operator *person) {
	w.t.Helper()
	key := admin.key(w.base)
	prompt := admin.prompt(key, "later")
	verify := func(status int) { admin.must(status, "POST", "/api/v1/keys/"+key+"/verify", nil) }
	for code, refuse := range map[string]func(){
		"KEY_REVOKED":     func() { w.provider.RevokeKey(secret) },
		"MODEL_NOT_FOUND": func() { w.provider.Script(simulator.Fault{Refusal: "unknown model", Endpoint: "models"}) },
	} {
		refuse()
		verify(http.StatusUnprocessableEntity)
		w.brokenEverywhere(admin, operator, prompt, "later", code, map[string]string{"MODEL_NOT_FOUND": "sim-large"}[code])
		w.provider.SetKey(simulator.Key{Secret: secret, Organization: "org-story"})
		verify(http.StatusOK)
		until(w.t, "the prompt can be used again", 20*time.Second, func() bool {
			list := operator.promptList().Prompts
			return len(list) == 2 && list[1].Broken == nil
		})
	}
}

// brokenEverywhere looks for why a prompt cannot be used wherever one is chosen: in the list, by itself, on a terminal, and
// where somebody asks with it all the same. model is the one that is at fault, if one is. It returns what who asks is told.
func (w *world) brokenEverywhere(admin, operator *person, id, name, code, model string) problem {
	w.t.Helper()
	operator.seen.set("/api/v1/prompts", admin.seen.get("/api/v1/prompts"))
	title := ""
	for _, p := range []*person{admin, operator} {
		title = ""
		until(w.t, "the prompt is shown as broken: "+code, 20*time.Second, func() bool {
			for _, shown := range p.promptList().Prompts {
				if b := shown.Broken; shown.ID == id && b != nil && b.Code == code && b.Params["model"] == model {
					title = b.Title
				}
			}
			return title != ""
		})
		var one struct {
			Broken struct{ Code, Title string }
		}
		until(w.t, "so it is by itself", 20*time.Second, func() bool {
			p.must(http.StatusOK, "GET", "/api/v1/prompts/"+id, nil).into(w.t, &one)
			return one.Broken.Code == code && one.Broken.Title == title
		})
	}
	if !strings.Contains(title, model) {
		w.t.Errorf("%s of %s: the list says %q", code, model, title)
	}
	until(w.t, "a terminal says so, too", 20*time.Second, func() bool { // another replica may lag
		out, err := w.command(operator.token, "prompts", "list")
		return err == nil && strings.Contains(out, "  "+name+"  ("+title+")")
	})
	const analyses = "/api/v1/calls/call/analyses"
	for _, language := range []string{"ja", "pt-BR"} {
		if no := operator.refused(http.StatusConflict, "POST", analyses, language, map[string]string{"promptId": id}); no.Code != "PROMPT_BROKEN" ||
			no.Params["reason"] != code || no.Detail == "" {
			w.t.Errorf("who asks in %s is told %+v", language, no)
		}
	}
	no := operator.refused(http.StatusConflict, "POST", analyses, "en", map[string]string{"promptId": id})
	if _, err := w.command(operator.token, "analyze", "call", "--prompt", name); err == nil || !strings.Contains(err.Error(), "PROMPT_BROKEN") {
		w.t.Errorf("who asks on a terminal is told %v", err)
	}
	return no
}
