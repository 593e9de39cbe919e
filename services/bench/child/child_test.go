package child

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// talk runs a child in this process, gives it orders and returns its answers to them, the first line aside.
func talk(t *testing.T, what, dir string, orders ...Order) []Answer {
	t.Helper()
	var in, out strings.Builder
	for _, o := range orders {
		if err := json.NewEncoder(&in).Encode(o); err != nil {
			t.Fatal(err)
		}
	}
	if err := Run(t.Context(), what, dir, strings.NewReader(in.String()), &out); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	var answers []Answer
	for lines := json.NewDecoder(strings.NewReader(out.String())); ; {
		var a Answer
		err := lines.Decode(&a)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, a)
	}
	if len(answers) != len(orders)+1 || answers[0] != (Answer{}) {
		t.Fatalf("%d orders, answers: %+v", len(orders), answers)
	}
	return answers[1:]
}

func TestWhatAChildAcknowledgesIsOnDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	answers := talk(t, Append, dir, Order{Each: 1, Seconds: 0.05}, Order{Each: 3, Rate: 100, Seconds: 0.1})
	if answers[0].Operations < 1 || answers[1].Operations != 10 || answers[1].Median <= 0 {
		t.Fatalf("%+v", answers)
	}
	events := uint64(answers[0].Operations + 3*answers[1].Operations)
	if err := Verify(t.Context(), dir, events); err != nil {
		t.Error(err)
	}
	for _, wrong := range []uint64{events + 1, events - 1} {
		if err := Verify(t.Context(), dir, wrong); err == nil {
			t.Errorf("%d events are on disk, and %d were believed", events, wrong)
		}
	}
}

// Verify reads every event: one that is there but is another one is noticed, too.
func TestAnEventThatWasChangedIsNoticed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, err := openAppender(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	err = a.operation(t.Context(), 2)
	a.events += 5 // and so the third says that it is the eighth
	err = errors.Join(err, a.operation(t.Context(), 1), a.close(context.Background()))
	if err != nil {
		t.Fatal(err)
	}
	if err := Verify(t.Context(), dir, 3); err == nil || !strings.Contains(err.Error(), "event 3") {
		t.Errorf("%v", err)
	}
}

func TestAWriterWritesEveryByte(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	answers := talk(t, Write, dir, Order{Each: 2, Rate: 1000, Seconds: 0.01})
	file, err := os.Stat(filepath.Join(dir, File))
	if err != nil || file.Size() != 2*EventSize*int64(answers[0].Operations) || answers[0].Operations != 10 {
		t.Errorf("%v %+v", err, answers)
	}
}

func TestAServerIsThereAndDoesNothing(t *testing.T) {
	t.Parallel()
	if a := talk(t, Serve, t.TempDir(), Order{Each: 1, Seconds: 1}); a[0].Error == "" {
		t.Errorf("%+v", a)
	}
}

// What a client says it was answered was compared byte for byte with what had to come, and counted.
func TestAClientCountsOnlyTheAnswerThatItWants(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	page := Page{Header: http.Header{"Etag": {`"tag"`}}, Body: bytes.Repeat([]byte("words"), 10_000)}
	if err := page.Save(dir); err != nil {
		t.Fatal(err)
	}
	s, err := openStatic(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	a := openAsker()
	want := Ask{URL: s.url, Authorizations: []string{"Token one"}, Size: len(page.Body), Sum: Sum(page.Body)}
	if got := a.carryOut(t.Context(), Order{Each: 4, Seconds: 0.05, Ask: &want}); got.Operations < 4 || got.Error != "" {
		t.Errorf("%+v", got)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := a.transport.RoundTrip(req)
	if err != nil || res.Header.Get("ETag") != `"tag"` || res.ContentLength != int64(len(page.Body)) {
		t.Fatalf("%v %v", res, err)
	}
	_ = res.Body.Close()
	for name, wrong := range map[string]*Ask{
		"another size": {URL: s.url, Authorizations: want.Authorizations, Size: want.Size - 1, Sum: want.Sum},
		"another body": {URL: s.url, Authorizations: want.Authorizations, Size: want.Size, Sum: want.Sum + 1},
		"nobody there": {URL: "http://127.0.0.1:1", Authorizations: want.Authorizations}, "nothing": nil,
	} {
		if got := a.carryOut(t.Context(), Order{Each: 1, Seconds: 0.01, Ask: wrong}); got.Error == "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if err := errors.Join(a.close(t.Context()), s.close(t.Context())); err != nil {
		t.Error(err)
	}
}

func TestAChildThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{Append, Write, Serve, Static, "nothing that there is"} {
		var out strings.Builder
		err := Run(t.Context(), what, file, strings.NewReader(""), &out)
		if err == nil || !strings.Contains(out.String(), `"error"`) {
			t.Errorf("%s: %v, said %s", what, err, out.String())
		}
	}
}
