package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kikigaki/kikigaki/pkg/fault"
	notificationv1 "github.com/kikigaki/kikigaki/proto/kikigaki/notification/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// as makes a context of an account.
func (w *world) as(token string) context.Context {
	w.t.Helper()
	c, err := w.gate.caller(token)
	if err != nil {
		w.t.Fatal(err)
	}
	return identity.With(w.t.Context(), c)
}

// unseen is what an account is shown as unseen, by sequence.
func (w *world) unseen(r *replica, token string) (out []uint64) {
	w.t.Helper()
	res, err := r.ListNotifications(w.as(token), &notificationv1.ListNotificationsRequest{Unseen: true})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, n := range res.GetNotifications() {
		p, _ := parsePlace(n.GetId())
		out = append(out, p.sequence)
	}
	return out
}

// sees waits until a replica shows an account what is wanted.
func (w *world) sees(r *replica, token string, want ...uint64) {
	w.t.Helper()
	eventually(w.t, fmt.Sprintf("%s to be shown %v, is %v", token, want, w.unseen(r, token)),
		func() bool { return slices.Equal(w.unseen(r, token), want) })
}

func TestWhatIsSeenInOneTabIsGoneInAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	folder1, _ := views(t)
	folder2, _ := views(t)
	one, two := w.start(folder1, nil), w.start(folder2, nil)

	done := w.completed("a", "ann", 1)
	bad := w.failed("a", "ann", 2)
	others := w.completed("a", "bob", 3)
	w.tell(subject.Call("a", "c", subject.KindEnded), ended())
	worse := w.failed("a", "ann", 4)
	last := w.completed("a", "ann", 5)
	foreign := w.completed("b", "ann", 6)
	for _, r := range []*replica{one, two} {
		w.reached(r, foreign)
		w.sees(r, "a:ann", done, bad, worse, last)
		w.sees(r, "a:bob", others)
		w.sees(r, "b:ann", foreign)
	}

	ann := w.as("a:ann")
	for range 2 { // once more changes nothing
		if _, err := one.MarkSeen(ann, &notificationv1.MarkSeenRequest{UpTo: w.id(worse)}); err != nil {
			t.Fatal(err)
		}
		w.sees(one, "a:ann", bad, worse, last)
		w.sees(two, "a:ann", bad, worse, last)
	}
	if _, err := two.MarkSeen(ann, &notificationv1.MarkSeenRequest{UpTo: w.id(done)}); err != nil {
		t.Fatal(err)
	}
	w.sees(two, "a:ann", bad, worse, last) // never back
	for range 2 {
		if _, err := two.Acknowledge(ann, &notificationv1.AcknowledgeRequest{Id: w.id(bad)}); err != nil {
			t.Fatal(err)
		}
		w.sees(two, "a:ann", worse, last)
		w.sees(one, "a:ann", worse, last)
	}
	if _, err := one.Acknowledge(ann, &notificationv1.AcknowledgeRequest{Id: w.id(others)}); err != nil {
		t.Errorf("acknowledging what somebody else asked for: %v", err)
	}
	w.sees(one, "a:bob", others)
	w.sees(one, "b:ann", foreign)
}

func TestTwoReplicasActAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	folder1, _ := views(t)
	folder2, _ := views(t)
	replicas := []*replica{w.start(folder1, nil), w.start(folder2, nil)}
	var all []uint64
	for n := range 16 {
		all = append(all, w.failed("a", "ann", n))
	}
	errs := make(chan error)
	for n, sequence := range all {
		id := w.id(sequence)
		go func() {
			_, err := replicas[n%2].Acknowledge(w.as("a:ann"), &notificationv1.AcknowledgeRequest{Id: id})
			errs <- err
		}()
	}
	for range all {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	w.sees(replicas[0], "a:ann")
	w.sees(replicas[1], "a:ann")
}

func TestWhatCannotBeSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	folder, _ := views(t)
	r := w.start(folder, nil)
	foreign := w.completed("b", "eve", 1)
	gone := w.failed("a", "ann", 2)
	w.tell(subject.Analysis("a", "call-2", "analysis-2", subject.KindDeleted), deleted("analysis-2"))
	end := w.failed("a", "ann", 3)

	ann, service := w.as("a:ann"), identity.AsService(t.Context(), "a")
	mark := func(ctx context.Context, id string) error {
		_, err := r.MarkSeen(ctx, &notificationv1.MarkSeenRequest{UpTo: id})
		return err
	}
	acknowledge := func(ctx context.Context, id string) error {
		_, err := r.Acknowledge(ctx, &notificationv1.AcknowledgeRequest{Id: id})
		return err
	}
	for name, test := range map[string]struct {
		err  error
		code string
	}{
		"marking nonsense":                     {mark(ann, "x"), "FIELD_INVALID"},
		"marking another incarnation":          {mark(ann, "ELSEWHERE-1"), "FIELD_INVALID"},
		"marking beyond the end":               {mark(ann, w.id(end+1)), "FIELD_INVALID"},
		"marking as a service":                 {mark(service, w.id(end)), "FORBIDDEN"},
		"marking as nobody":                    {mark(t.Context(), w.id(end)), "UNAUTHENTICATED"},
		"acknowledging nonsense":               {acknowledge(ann, "x"), "NOT_FOUND"},
		"acknowledging another incarnation":    {acknowledge(ann, "ELSEWHERE-1"), "NOT_FOUND"},
		"acknowledging beyond the end":         {acknowledge(ann, w.id(end+1)), "NOT_FOUND"},
		"acknowledging what is another's":      {acknowledge(ann, w.id(foreign)), "NOT_FOUND"},
		"acknowledging what is deleted":        {acknowledge(ann, w.id(gone)), "NOT_FOUND"},
		"acknowledging as a service":           {acknowledge(service, w.id(end)), "FORBIDDEN"},
		"acknowledging what can be, after all": {acknowledge(ann, w.id(end)), ""},
	} {
		if got := fault.CodeOf(test.err); got != test.code {
			t.Errorf("%s gives %q (%v), want %q", name, got, test.err, test.code)
		}
	}
	w.sees(r, "b:eve", foreign)
}

func TestADeletedViewGivesTheSameAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	folder, file := views(t)
	kept, _ := views(t)
	r, other := w.start(folder, nil), w.start(kept, nil)
	w.tell(subject.Call("a", "c", subject.KindOpened), opened("Order 18"))
	for n := range 12 {
		w.failed("a", "ann", 2*n)
		w.completed("a", "bob", 2*n+1)
	}
	w.tell(subject.Call("a", "c", subject.KindEnded), ended())
	w.tell(subject.Call("a", "call-6", subject.KindErased), erased())
	end := w.tell(subject.Analysis("a", "call-8", "analysis-8", subject.KindDeleted), deleted("analysis-8"))
	w.reached(r, end)
	for _, n := range []uint64{2, 12, 20} {
		if _, err := r.Acknowledge(w.as("a:ann"), &notificationv1.AcknowledgeRequest{Id: w.id(n)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.MarkSeen(w.as("a:bob"), &notificationv1.MarkSeenRequest{UpTo: w.id(9)}); err != nil {
		t.Fatal(err)
	}
	before := w.answers(r)

	r.stopOnce()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	r = w.start(folder, nil)
	if after := w.answers(r); after != before {
		t.Errorf("answers were\n%s\nand are\n%s", before, after)
	}
	eventually(t, "the other replica to be equal", func() bool { return w.answers(other) == before })
	one, err := r.Follower().View().Sums()
	if err != nil {
		t.Fatal(err)
	}
	two, err := other.Follower().View().Sums()
	if err != nil {
		t.Fatal(err)
	}
	for _, bucket := range buckets() {
		if one[bucket] != two[bucket] {
			t.Errorf("%s sums to %s and %s", bucket, one[bucket], two[bucket])
		}
	}
	if err := r.Follower().View().Verify(); err != nil {
		t.Error(err)
	}
}

// answers are all answers of a replica to two accounts, as text.
func (w *world) answers(r *replica) string {
	w.t.Helper()
	var b strings.Builder
	for _, token := range []string{"a:ann", "a:bob"} {
		for _, query := range []string{"", "?unseen=true"} {
			status, _, body := w.call(r, http.MethodGet, query, token, "", "")
			fmt.Fprintln(&b, token, query, status, body)
		}
	}
	return b.String()
}

// call calls a replica over HTTP.
func (w *world) call(r *replica, method, path, token, position, body string) (status int, head http.Header, answer string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, r.url+"/api/v1/notifications"+path,
		bytes.NewReader([]byte(body)))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Token "+token)
	req.Header.Set("Kikigaki-Position", position)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(data)
}

func TestOverHTTP(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	folder1, _ := views(t)
	folder2, _ := views(t)
	one, two := w.start(folder1, nil), w.start(folder2, nil)
	status, head, body := w.call(one, http.MethodGet, "?unseen=true", "a:ann", "", "")
	if want := `{"notifications":[],"asOf":"` + w.id(0) + `"}`; status != 200 || strings.TrimSpace(body) != want {
		t.Errorf("at first: %d %s, want %s", status, body, want)
	}
	if head.Get("Kikigaki-Position") == "" {
		t.Error("the answer does not say what it includes")
	}
	for n := range 3 {
		w.failed("a", "ann", 2*n)
		w.completed("a", "ann", 2*n+1)
	}
	end := w.id(6)

	// What one replica has answered, another must know: the position says so.
	status, head, body = w.call(one, http.MethodPost, "/seen", "a:ann", "", `{"upTo":"`+w.id(4)+`"}`)
	if status != http.StatusNoContent || body != "" {
		t.Errorf("seen: %d %s", status, body)
	}
	status, head, body = w.call(two, http.MethodPost, "/"+w.id(3)+"/acknowledge", "a:ann", head.Get("Kikigaki-Position"), "")
	if status != http.StatusNoContent || body != "" {
		t.Errorf("acknowledge: %d %s", status, body)
	}
	status, _, body = w.call(one, http.MethodGet, "?unseen=true", "a:ann", head.Get("Kikigaki-Position"), "")
	var list struct {
		Notifications []struct {
			ID   string `json:"id"`
			Type string `json:"type"`
		} `json:"notifications"`
		AsOf string `json:"asOf"`
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil || status != 200 {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	if got := fmt.Sprint(list); got != fmt.Sprintf("{[{%s analysis.failed} {%s analysis.failed} {%s analysis.completed}] %s}",
		w.id(1), w.id(5), w.id(6), end) {
		t.Errorf("unseen are %s", got)
	}
	status, _, body = w.call(one, http.MethodGet, "", "a:ann", "", "")
	if got := strings.Count(body, `"type":"analysis.`); status != 200 || got != 6 {
		t.Errorf("all: %d, %d of 6", status, got)
	}

	for _, test := range []struct {
		method, path, body string
		status             int
	}{
		{http.MethodGet, "?unseen=perhaps", "", 400},
		{http.MethodPost, "/seen", `{"upTo":"x"}`, 400},
		{http.MethodPost, "/seen", `{"to":"x"}`, 400},
		{http.MethodPost, "/seen", `{"upTo":"ELSEWHERE-1"}`, 422},
		{http.MethodPost, "/seen", `{"upTo":"` + w.id(1000) + `"}`, 422},
		{http.MethodPost, "/x/acknowledge", "", 404},
	} {
		status, head, body := w.call(one, test.method, test.path, "a:ann", "", test.body)
		if status != test.status || head.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s %s: %d %s, want %d", test.method, test.path, test.body, status, body, test.status)
		}
	}
}
