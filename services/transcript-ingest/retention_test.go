package ingest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	ingest "github.com/kikigaki/kikigaki/services/transcript-ingest"
)

func TestCallsAreKeptAsLongAsIsSet(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one, two := b.replica(), b.replica()
	set := func(s *ingest.Service, revision, days uint32) error {
		return dropped(s.UpdateRetention(admin(t, "a"), &transcriptv1.UpdateRetentionRequest{Revision: revision, Days: days}))
	}
	for _, call := range []string{"finished", "live"} {
		add(t, one, call, say("a", "b"))
	}
	end(t, one, "finished")
	later := time.Now().Add(31 * 24 * time.Hour)
	if ingest.RetainAt(t.Context(), one, later); len(list(t, one)) != 2 {
		t.Error("calls are erased before anybody has said so")
	}
	if err := set(one, 0, 30); err != nil {
		t.Fatal(err)
	}
	if err := set(two, 0, 1); !fault.Is(err, "REVISION_STALE") {
		t.Errorf("an old revision: %v", err)
	}
	if err := set(two, 1, 40_000); !fault.Is(err, "FIELD_INVALID") {
		t.Errorf("too many days: %v", err)
	}
	if _, err := one.GetRetention(editor(t), &transcriptv1.GetRetentionRequest{}); !fault.Is(err, "FORBIDDEN") {
		t.Errorf("a user reads it: %v", err)
	}
	res, err := two.GetRetention(admin(t, "a"), &transcriptv1.GetRetentionRequest{})
	if err != nil || res.GetRetention().GetDays() != 30 || res.GetRetention().GetRevision() != 1 {
		t.Errorf("%v %v", res, err)
	}
	eventually(t, "the replica to know", func() bool { return ingest.RetentionOf(one, "a") == 30 })
	if ingest.RetainAt(t.Context(), one, later.Add(-48*time.Hour)); len(list(t, one)) != 2 {
		t.Error("a call is erased before its time")
	}
	ingest.RetainAt(t.Context(), one, later)
	if left := list(t, one); len(left) != 1 || left[0] != "live" {
		t.Errorf("left are %q", left)
	}
	b.gone("finished")
	m, _, err := b.log.Last(t.Context(), stream.NewGuard(subject.Calls, subject.Call("a", "finished", subject.KindErased)))
	if err != nil || ingest.ErasedBy(m.Data) != "" {
		t.Errorf("somebody is said to have erased it: %v", err)
	}
}

func TestRetentionIsReadAndSetOverHTTP(t *testing.T) {
	t.Parallel()
	const path = "/api/v1/settings/retention"
	type setting struct{ Revision, Days uint32 }
	b := newBench(t)
	s := b.replica()
	c := client{t: t, url: b.serve(s), token: "a:admin:admin"}
	patch := func(c client, body string, status int, out any) {
		_, data := c.do(http.MethodPatch, path, nil, []byte(body), status)
		c.decode(data, out)
	}
	reads := func(want setting) {
		var got setting
		if c.get(path, http.StatusOK, &got); got != want {
			t.Errorf("reads %+v, want %+v", got, want)
		}
	}
	reads(setting{})
	user := client{t: t, url: c.url, token: "a:account-2:edit"}
	user.get(path, http.StatusForbidden, nil)
	patch(user, `{"revision":0,"days":1}`, http.StatusForbidden, nil)
	client{t: t, url: c.url}.get(path, http.StatusUnauthorized, nil)
	for body, want := range map[string]struct {
		status int
		code   string
	}{
		`{"days":30}`:                  {http.StatusBadRequest, "REVISION_REQUIRED"},
		`{"revision":0}`:               {http.StatusUnprocessableEntity, "FIELD_REQUIRED"},
		`{"revision":7,"days":30}`:     {http.StatusConflict, "REVISION_STALE"},
		`{"revision":0,"days":100000}`: {http.StatusUnprocessableEntity, "FIELD_INVALID"},
	} {
		var problem struct{ Code string }
		if patch(c, body, want.status, &problem); problem.Code != want.code {
			t.Errorf("%s: %+v, want %s", body, problem, want.code)
		}
	}
	var set setting
	if patch(c, `{"revision":0,"days":30}`, http.StatusOK, &set); set != (setting{1, 30}) {
		t.Errorf("set: %+v", set)
	}
	reads(set)
	other := client{t: t, url: c.url, token: "b:admin:admin"}
	if other.get(path, http.StatusOK, &set); set != (setting{}) {
		t.Errorf("another tenant reads %+v", set)
	}
}

func list(t *testing.T, s *ingest.Service) (ids []string) {
	t.Helper()
	res, err := s.ListCalls(editor(t), &transcriptv1.ListCallsRequest{MinPosition: s.Follower().Position().Encode()})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range res.GetCalls() {
		ids = append(ids, c.GetId())
	}
	return ids
}
