package story_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/services/internal/erasure"
)

// eraseMarker is said in a call, stands in its label and comes back in the result.
const eraseMarker = "ZebraMarker7731"

// filesHolding are the files of an installation that hold some text.
func filesHolding(t *testing.T, dir, text string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil //nolint:nilerr // files are replaced while they are looked for
		}
		if data, err := os.ReadFile(path); err == nil && bytes.Contains(data, []byte(text)) {
			names = append(names, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// speak makes a finished call that says a word everywhere; a part of it comes over NATS.
func (r *recogniser) speak(call, word string) {
	r.t.Helper()
	body := words(0, "the first "+word, "the second "+word, "the third "+word)
	body["call"] = map[string]any{"label": "label " + word}
	for _, u := range body["utterances"].([]map[string]any) {
		u["speaker"] = word
	}
	r.p.must(http.StatusOK, "POST", "/api/v1/calls/"+call+"/utterances", body)
	over := event("utterance", "over-nats-"+call, map[string]any{"callId": call, "speaker": word, "text": "the fourth " + word})
	if err := r.publish(r.t.Context(), "asr", over); err != nil {
		r.t.Fatal(err)
	}
	until(r.t, "what came over NATS is there", time.Minute, func() bool {
		return bytes.Contains(r.p.must(http.StatusOK, "GET", "/api/v1/calls/"+call+"/transcript", nil).body, []byte("the fourth "+word))
	})
	r.p.must(http.StatusOK, "POST", "/api/v1/calls/"+call+"/end", nil)
}

// A customer asks that a call be forgotten: an administrator erases it, and within a minute it is in no file.
func TestAnErasedCallIsForgotten(t *testing.T) {
	t.Parallel()
	w, port := inboxes(t)
	admin := w.logIn("admin", adminPassword)
	user := admin.account(w, "user", "user", "edit")
	prompt := admin.prompt(admin.key(w.base), "about")
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	heard := make(chan string, 100)
	screen := user.open(ctx, &group)
	defer func() { cancel(); group.Wait() }()
	screen.mu.Lock()
	screen.on = func(_, kind, _ string) { heard <- kind }
	screen.mu.Unlock()

	publisher, err := w.publisher(user, port)
	if err != nil {
		t.Fatal(err)
	}
	publisher.speak("forgotten", eraseMarker)
	publisher.speak("kept", "KeptWord")
	result := user.finished(user.analyse("forgotten", prompt))
	if !strings.Contains(result.Result.Text, eraseMarker) {
		t.Fatalf("the result says nothing of the marker: %q", result.Result.Text)
	}
	if len(filesHolding(t, w.data, eraseMarker)) < 3 {
		t.Fatal("the marker is not on disk: nothing is left to be proved")
	}

	user.must(http.StatusForbidden, "DELETE", "/api/v1/calls/forgotten", nil)
	admin.must(http.StatusNotFound, "DELETE", "/api/v1/calls/never", nil)
	begun := time.Now()
	admin.must(http.StatusNoContent, "DELETE", "/api/v1/calls/forgotten", nil)
	user.seen.set("/api/v1/calls", admin.seen.get("/api/v1/calls"))
	for _, path := range []string{"", "/transcript", "/receipt", "/analyses"} {
		user.must(http.StatusGone, "GET", "/api/v1/calls/forgotten"+path, nil)
	}
	user.must(http.StatusGone, "POST", "/api/v1/calls/forgotten/utterances", words(9, "late"))
	user.must(http.StatusGone, "POST", "/api/v1/calls/forgotten/analyses", map[string]string{"promptId": prompt})
	gone := user.either(t, "GET", "/api/v1/analyses/"+result.ID)
	if gone.status != http.StatusGone && gone.status != http.StatusNotFound {
		t.Errorf("the result: %d %s", gone.status, gone.body)
	}
	admin.must(http.StatusNoContent, "DELETE", "/api/v1/calls/forgotten", nil)
	for _, query := range []string{"", "?query=" + eraseMarker} {
		if list := user.must(http.StatusOK, "GET", "/api/v1/calls"+query, nil); bytes.Contains(list.body, []byte("forgotten")) {
			t.Errorf("it is listed: %s", list.body)
		}
	}
	until(t, "the marker is in no file", time.Minute, func() bool { return len(filesHolding(t, w.data, eraseMarker)) == 0 })
	t.Logf("in no file %s after the erase (with the race detector)", time.Since(begun).Round(100*time.Millisecond))
	var report erasure.Report
	defer func() {
		if len(report.Left) > 0 {
			t.Logf("verification found %v", report.Left)
		}
	}()
	until(t, "verification finds nothing", time.Minute, func() (nothing bool) {
		var err error
		if report, err = erasure.Verify(t.Context(), w.data); err != nil || report.Calls != 1 {
			t.Fatalf("%+v %v", report, err)
		}
		return len(report.Left) == 0
	})
	told(t, heard, "call.erased")
	if notes := user.must(http.StatusOK, "GET", "/api/v1/notifications", nil); bytes.Contains(notes.body, []byte(eraseMarker)) {
		t.Errorf("it is told of: %s", notes.body)
	}
	w.stop()
	w.start()
	if said := w.said.String(); strings.Contains(said, "made anew") {
		t.Error("a view was made anew")
	}
	user.must(http.StatusGone, "GET", "/api/v1/calls/forgotten", nil)
	if kept := user.must(http.StatusOK, "GET", "/api/v1/calls/kept/transcript", nil); !bytes.Contains(kept.body, []byte("KeptWord")) {
		t.Errorf("another call: %s", kept.body)
	}
	if left := filesHolding(t, w.data, eraseMarker); len(left) > 0 {
		t.Errorf("after a restart it is in %v", left)
	}
}

// either makes one request that may be answered in several ways.
func (p *person) either(t *testing.T, method, path string) answer {
	t.Helper()
	a, err := p.try(method, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// told waits until a screen has heard of a kind.
func told(t *testing.T, heard <-chan string, kind string) {
	t.Helper()
	late := time.After(time.Minute)
	var before []string
	for {
		select {
		case got := <-heard:
			if got == kind {
				return
			}
			before = append(before, got)
		case <-late:
			t.Fatal(fmt.Sprint("not told of ", kind, " but of ", before))
		}
	}
}
