package ingest_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

func TestTheSameUtteranceIsOneUtterance(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one, two := b.replica(), b.replica()
	if res := add(t, one, "c", say("A", "B")); res.GetAccepted() != 2 || res.GetRevision() != 2 {
		t.Fatalf("%v", res)
	}
	if res := add(t, two, "c", say("A", "B", "C")); res.GetDuplicates() != 2 || res.GetAccepted() != 1 || res.GetRevision() != 3 {
		t.Fatalf("%v", res)
	}
	correct := &transcriptv1.NewUtterance{UtteranceId: "1", Version: 2, Speaker: "agent", Text: "B corrected"}
	if res := add(t, one, "c", []*transcriptv1.NewUtterance{correct}); res.GetCorrected() != 1 || res.GetRevision() != 4 {
		t.Fatalf("%v", res)
	}
	old := &transcriptv1.NewUtterance{UtteranceId: "1", Version: 1, Speaker: "agent", Text: "B too late"}
	if res := add(t, two, "c", []*transcriptv1.NewUtterance{old}); res.GetDuplicates() != 1 {
		t.Fatalf("%v", res)
	}
	for _, step := range []string{"live", "folded", "folded again"} {
		if got := texts(read(t, two, "c", 0)); !slices.Equal(got, []string{"A", "B corrected", "C"}) {
			t.Fatalf("%s: %q", step, got)
		}
		if got := texts(read(t, one, "c", 3)); !slices.Equal(got, []string{"A", "B", "C"}) {
			t.Fatalf("%s: revision 3 reads %q", step, got)
		}
		end(t, one, "c")
	}
	if res := add(t, two, "c", say("A", "B", "C", "late")); res.GetDuplicates() != 3 || res.GetAccepted() != 1 || res.GetRevision() != 5 {
		t.Fatalf("late: %v", res)
	}
	if got := read(t, one, "c", 0); got.GetState() != "finished" || got.GetLastUtterance() != "3" || len(texts(got)) != 4 {
		t.Fatalf("%v", got)
	}
}

func TestLimitsNameTheField(t *testing.T) {
	t.Parallel()
	s := newBench(t).replica()
	long := strings.Repeat("x", 256)
	for _, c := range []struct {
		code, field string
		req         *transcriptv1.AppendUtterancesRequest
	}{
		{"FIELD_TOO_LONG", "callId", &transcriptv1.AppendUtterancesRequest{CallId: long, Utterances: say("a")}},
		{"FIELD_REQUIRED", "callId", &transcriptv1.AppendUtterancesRequest{Utterances: say("a")}},
		{"FIELD_INVALID", "callId", &transcriptv1.AppendUtterancesRequest{CallId: "a\nb", Utterances: say("a")}},
		{"FIELD_REQUIRED", "utterances", &transcriptv1.AppendUtterancesRequest{CallId: "c"}},
		{"BODY_TOO_LARGE", "utterances", &transcriptv1.AppendUtterancesRequest{CallId: "c", Utterances: say(make([]string, 501)...)}},
		{"UTTERANCE_TOO_LARGE", "utterances[1].text", &transcriptv1.AppendUtterancesRequest{
			CallId: "c", Utterances: say("a", strings.Repeat("x", 16<<10+1)),
		}},
		{"FIELD_INVALID", "call.direction", &transcriptv1.AppendUtterancesRequest{
			CallId: "c", Call: &transcriptv1.CallDetails{Direction: "sideways"}, Utterances: say("a"),
		}},
	} {
		_, err := s.AppendUtterances(editor(t), c.req)
		if f, _ := fault.As(err); f == nil || f.Code != c.code || f.Field != c.field {
			t.Errorf("%s %s: got %v", c.code, c.field, err)
		}
	}
	if _, err := s.GetCall(editor(t), &transcriptv1.GetCallRequest{CallId: "c"}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a refused append has opened the call: %v", err)
	}
}

func TestWhatRecognisersSendIsAccepted(t *testing.T) {
	t.Parallel()
	s := newBench(t).replica()
	words := []*transcriptv1.NewUtterance{
		{UtteranceId: "a", Speaker: "speaker_7", Text: "[noise]", StartSec: proto.Float64(9.5)},
		{UtteranceId: "b", Speaker: "", Text: "", StartSec: proto.Float64(3), DurationSec: proto.Float64(0.06)},
		{UtteranceId: "お", Kind: "recognizer_lost", Order: -4, Text: "two\nlines"},
	}
	add(t, s, "通話 1/ü", words)
	got := read(t, s, "通話 1/ü", 0).GetUtterances()
	for i, u := range got {
		w := words[i]
		if u.GetUtteranceId() != w.GetUtteranceId() || u.GetText() != w.GetText() || u.GetOrder() != w.GetOrder() ||
			u.GetStartSec() != w.GetStartSec() || u.GetSpeaker() != w.GetSpeaker() {
			t.Errorf("sent %v, read %v", w, u)
		}
	}
}

func TestWhoMayWrite(t *testing.T) {
	t.Parallel()
	s := newBench(t).replica()
	details := &transcriptv1.CallDetails{AgentAccount: "hanako"}
	_, err := s.AppendUtterances(editor(t), &transcriptv1.AppendUtterancesRequest{CallId: "c", Call: details, Utterances: say("a")})
	if err != nil {
		t.Fatal(err)
	}
	viewer := identity.Caller{Tenant: "a", AccountID: "account-3", CallPermission: identity.PermissionView}
	agent := identity.Caller{Tenant: "a", AccountID: "account-1", CallPermission: identity.PermissionView}
	stranger := identity.Caller{Tenant: "b", AccountID: "x", CallPermission: identity.PermissionEdit}
	try := func(c identity.Caller, call string) error {
		_, err := s.AppendUtterances(identity.With(t.Context(), c),
			&transcriptv1.AppendUtterancesRequest{CallId: call, Utterances: say("a", "b")})
		return err
	}
	if err := try(viewer, "c"); fault.KindOf(err) != fault.Forbidden {
		t.Errorf("a viewer gets %v", err)
	}
	if err := try(viewer, "new"); fault.KindOf(err) != fault.Forbidden {
		t.Errorf("a viewer opening a call gets %v", err)
	}
	if err := try(agent, "c"); err != nil {
		t.Errorf("the call's own agent gets %v", err)
	}
	_, err = s.GetTranscript(identity.With(t.Context(), stranger), &transcriptv1.GetTranscriptRequest{CallId: "c", Newest: true})
	if fault.KindOf(err) != fault.NotFound {
		t.Errorf("another tenant reads: %v", err)
	}
	if err := try(stranger, "c"); err != nil { // the same id is another call there
		t.Errorf("another tenant's own call: %v", err)
	}
	if got := texts(read(t, s, "c", 0)); len(got) != 2 {
		t.Errorf("got %q", got)
	}
}

func TestNothingIsLostBetweenConcurrentWritersAndFolders(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one, two := b.replica(), b.replica()
	var group sync.WaitGroup
	for w := range 8 {
		group.Go(func() {
			for n := range 6 {
				u := &transcriptv1.NewUtterance{UtteranceId: fmt.Sprintf("%d-%d", w, n), Speaker: "agent", Text: "x"}
				words := []*transcriptv1.NewUtterance{u}
				add(t, one, "c", words)
				if n == 3 && w < 2 {
					end(t, two, "c")
				}
				if res := add(t, two, "c", words); res.GetDuplicates() != 1 {
					t.Errorf("sent again: %v", res)
				}
			}
		})
	}
	group.Wait()
	got := read(t, one, "c", 0)
	seen := map[string]int{}
	for _, u := range got.GetUtterances() {
		seen[u.GetUtteranceId()]++
	}
	if len(seen) != 48 || len(got.GetUtterances()) != 48 || got.GetRevision() != 48 {
		t.Fatalf("%d utterances, %d different, revision %d", len(got.GetUtterances()), len(seen), got.GetRevision())
	}
	if a, b := sums(t, one), sums(t, two); a != b {
		read(t, two, "c", 0)
		if b = sums(t, two); a != b {
			t.Fatalf("replicas differ:\n%s\n%s", a, b)
		}
	}
	if first, _, err := b.log.After(t.Context(), liveGuard("a", "c"), 0); err != nil || len(first.Data) > 200 {
		t.Fatalf("LIVE still holds words (%d bytes), %v", len(first.Data), err)
	}
}

func TestADeletedViewAnswersTheSame(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	for n := range 5 {
		call := fmt.Sprint("call ", n)
		add(t, s, call, say("a", "b", "c"))
		if n%2 == 0 {
			end(t, s, call)
			add(t, s, call, say("a", "b", "c", "late"))
		}
	}
	again := b.replica()
	for n := range 5 {
		call := fmt.Sprint("call ", n)
		if x, y := read(t, s, call, 0), read(t, again, call, 0); !proto.Equal(drop(x), drop(y)) {
			t.Fatalf("%v\n%v", x, y)
		}
	}
	if a, c := sums(t, s), sums(t, again); a != c {
		t.Fatalf("sums\n%s\n%s", a, c)
	}
}

func drop(r *transcriptv1.GetTranscriptResponse) *transcriptv1.GetTranscriptResponse {
	r.Position = ""
	return r
}

func liveGuard(tenant, call string) stream.Guard {
	return stream.NewGuard(subject.Live, subject.LiveWords(tenant, call))
}

func TestListsArePagedWithoutGapOrRepetition(t *testing.T) {
	t.Parallel()
	s := newBench(t).replica()
	for n := range 25 {
		add(t, s, fmt.Sprintf("call-%02d", n), say("a"))
	}
	var got []string
	for token := ""; ; {
		res, err := s.ListCalls(editor(t), &transcriptv1.ListCallsRequest{PageSize: 7, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range res.GetCalls() {
			got = append(got, c.GetId())
		}
		if token = res.GetNextPageToken(); token == "" {
			break
		}
		add(t, s, "call-new-"+fmt.Sprint(len(got)), say("a")) // comes in above, and moves nothing
	}
	if len(got) != 25 || got[0] != "call-24" || got[24] != "call-00" {
		t.Fatalf("%d calls: %v", len(got), got)
	}
}
