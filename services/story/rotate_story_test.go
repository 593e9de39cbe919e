package story_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	keys "github.com/kikigaki/kikigaki/services/key-registry"
	"github.com/kikigaki/kikigaki/services/simulator"
)

// rotated is the secret that takes the place of the first.
const rotated = "sk-story-CANARY9876543210zyxwvuTSRQ"

// waiting is how many analyses wait in the stories of keys.
func waiting() int {
	if whole() {
		return 1000
	}
	return 100
}

// While analyses wait the provider's key is replaced, and then the master key that seals it: none of them fails.
func TestNoAnalysisFailsBecauseAKeyIsReplaced(t *testing.T) {
	everyWay(t, noAnalysisFailsBecauseAKeyIsReplaced, apart)
}

func noAnalysisFailsBecauseAKeyIsReplaced(s stage) {
	t, way := s.t, s.way
	w := way.newWorld(t)
	w.start()
	admin := w.logIn("admin", adminPassword)
	key := admin.key(w.base)
	prompt := admin.prompt(key, "about")
	w.provider.SetKey(simulator.Key{Secret: rotated, Organization: "org-story"})
	w.provider.Script(simulator.Fault{ // whatever is asked has to wait, so that the others wait, too
		Status: http.StatusTooManyRequests, Header: map[string]string{"Retry-After": "1"}, Times: 1 << 20,
		Marker: "Goodbye.",
	})
	queued := admin.queue(prompt, waiting())

	admin.must(http.StatusOK, "POST", "/api/v1/keys/"+key+"/secret", map[string]any{"secret": rotated, "revision": 1})
	w.provider.RevokeKey(secret)

	was := w.masterKey()
	next := filepath.Join(w.data, "next")
	if out, err := w.command("", "secrets", next); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	anew := filepath.Join(next, "master.key")
	w.withMasterKeys(was, anew)
	w.withMasterKeys(anew, was)
	if n := admin.unfinished(queued); n != len(queued) {
		t.Fatalf("only %d of %d have waited until now", n, len(queued))
	}
	w.provider.Recover()
	until(t, "the secret is sealed anew", 60*time.Second, func() bool {
		return strings.Contains(w.said.String(), "all secrets are sealed under the newest master key")
	})
	until(t, "every replica says that nothing lies under the old master key", 60*time.Second, w.nothingUnderAnother)
	w.withMasterKeys(anew)
	for _, id := range queued {
		if a := admin.finished(id); a.State != "completed" {
			t.Errorf("%s ended as %s: %+v", id, a.State, a.Error)
		}
	}
	admin.say("after", 0, "Hello.", "Goodbye.")
	if a := admin.finished(admin.analyse("after", prompt)); a.State != "completed" {
		t.Errorf("without the old master key: %+v", a)
	}
	w.stop()
	sweep(t, w)
	if strings.Contains(w.said.String(), rotated) {
		t.Error("the new key is in the log")
	}
}

// A key is deleted while analyses wait: the provider is not asked with it any more.
func TestADeletedKeyIsNeverUsedAgain(t *testing.T) { everyWay(t, aDeletedKeyIsNeverUsedAgain, apart) }

func aDeletedKeyIsNeverUsedAgain(s stage) {
	t, way := s.t, s.way
	w := way.newWorld(t)
	w.start()
	admin := w.logIn("admin", adminPassword)
	key := admin.key(w.base)
	prompt := admin.prompt(key, "about")
	begun := len(w.provider.Ledger())
	w.provider.Script(simulator.Fault{ // what is there when the key goes is there for seconds, and then asks again
		Status: http.StatusTooManyRequests, Header: map[string]string{"Retry-After": "1"}, Hang: 4 * time.Second, Times: 1 << 20,
	})
	queued := admin.queue(prompt, waiting())
	const atOnce = 4
	until(t, "the provider has as many as it gets at once", 30*time.Second, func() bool {
		return len(w.provider.Ledger()) >= begun+atOnce
	})
	refused := admin.must(http.StatusConflict, "DELETE", "/api/v1/keys/"+key, nil)
	if !strings.Contains(string(refused.body), "KEY_IN_USE") || !strings.Contains(string(refused.body), "about") {
		t.Errorf("a key that a prompt uses: %s", refused.body)
	}
	admin.must(http.StatusNoContent, "DELETE", "/api/v1/prompts/"+prompt, nil)
	admin.must(http.StatusNoContent, "DELETE", "/api/v1/keys/"+key, nil)
	before := len(w.provider.Ledger())
	for _, id := range queued {
		if a := admin.finished(id); a.State != "failed" || a.Error.Code != "KEY_GONE" {
			t.Errorf("%s ended as %s: %+v", id, a.State, a.Error)
		}
	}
	if after := len(w.provider.Ledger()); after != before {
		t.Errorf("the provider was asked %d times with a deleted key", after-before)
	}
	w.stop()
}

// queue asks for an analysis of each of n new calls and returns their ids.
func (p *person) queue(prompt string, n int) []string {
	p.t.Helper()
	out := make([]string, n)
	next := make(chan int)
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			for i := range next {
				call := "/api/v1/calls/" + fmt.Sprintf("queued-%d", i)
				var got struct{ Analyses []struct{ ID string } }
				p.insist(http.StatusOK, call+"/utterances", words(0, "Hello.", "Goodbye."), nil)
				p.insist(http.StatusAccepted, call+"/analyses", map[string]string{"promptId": prompt}, &got)
				if len(got.Analyses) == 1 {
					out[i] = got.Analyses[0].ID
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	asking.Wait()
	if p.t.Failed() {
		p.t.FailNow()
	}
	return out
}

// insist posts something until it is accepted, as a client does who is told to come again: so many at once may be more than
// a busy machine takes. Others may do so at the same time.
func (p *person) insist(status int, path string, body, into any) {
	p.t.Helper()
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		a, err := p.tryWith(http.MethodPost, path, body, map[string]string{"Idempotency-Key": path})
		switch {
		case err == nil && a.status == status:
			if into != nil {
				err = json.Unmarshal(a.body, into)
			}
			if err != nil {
				p.t.Errorf("%s: %v", path, err)
			}
			return
		case err != nil, a.status != http.StatusServiceUnavailable, time.Now().After(end):
			p.t.Errorf("%s: %d %s, %v", path, a.status, a.body, err)
			return
		}
	}
}

// unfinished is how many analyses have not ended.
func (p *person) unfinished(ids []string) (n int) {
	p.t.Helper()
	for _, id := range ids {
		var a outcome
		p.must(http.StatusOK, "GET", "/api/v1/analyses/"+id, nil).into(p.t, &a)
		if a.State == "queued" || a.State == "running" {
			n++
		}
	}
	return n
}

// masterKey is the file of the master key at the beginning.
func (w *world) masterKey() string {
	if w.way == together {
		return filepath.Join(w.data, "master.key")
	}
	return filepath.Join(w.data, "secrets", "master.key")
}

// nothingUnderAnother asks every replica that opens secrets where they lie.
func (w *world) nothingUnderAnother() bool {
	w.t.Helper()
	lies := regexp.MustCompile(`(?m)^kikigaki_keys_secrets\{.*under="(\w+)".*\} (\d+)$`)
	for _, r := range w.keyRegistries() {
		res, err := patient().Get("http://" + r.health + "/metrics")
		if err != nil {
			return false
		}
		page, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		told := map[string]string{}
		for _, m := range lies.FindAllSubmatch(page, -1) {
			told[string(m[1])] = string(m[2])
		}
		if err != nil || !maps.Equal(told, map[string]string{"this": "1", "another": "0", "none": "0"}) {
			return false
		}
	}
	return true
}

// keyRegistries are the processes that seal and open secrets.
func (w *world) keyRegistries() (out []*replica) {
	for _, r := range w.replicas {
		if w.way == together || strings.HasPrefix(r.name, keys.Name) {
			out = append(out, r)
		}
	}
	return out
}

// withMasterKeys starts whoever seals anew, one process after the other, with a master key and others that only open.
func (w *world) withMasterKeys(master string, others ...string) {
	w.t.Helper()
	for _, r := range w.keyRegistries() {
		r.interrupt()
		r.awaitEnd()
		for i := 0; i < len(r.args); i++ {
			if strings.HasSuffix(r.args[i], "master-key-file") || strings.HasSuffix(r.args[i], "master-key-files") {
				r.args = slices.Delete(r.args, i, i+2)
				i--
			}
		}
		r.args = append(r.args, "--master-key-file", master)
		if len(others) > 0 {
			r.args = append(r.args, "--other-master-key-files", strings.Join(others, ","))
		}
		r.spawn()
		r.awaitReady()
	}
}
