package ingest_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	ingest "github.com/kikigaki/kikigaki/services/transcript-ingest"
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
	if res := add(t, two, "c", []*transcriptv1.NewUtterance{old}); res.GetDuplicates() != 1 || res.GetRevision() != 4 {
		t.Fatalf("%v", res)
	}
	for _, step := range []string{"live", "folded", "folded again"} {
		got := read(t, two, "c", 0)
		if !slices.Equal(texts(got), []string{"A", "B corrected", "C"}) {
			t.Fatalf("%s: %q", step, texts(got))
		}
		if u := got.GetUtterances()[1]; u.GetVersion() != 2 || !u.GetUpdatedAt().AsTime().After(u.GetCreatedAt().AsTime()) {
			t.Fatalf("%s: the correction reads %v", step, u)
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
	b := newBench(t)
	s := b.replica()
	long, big := strings.Repeat("字", 256), strings.Repeat("x", 16<<10)
	one := func(u *transcriptv1.NewUtterance) *transcriptv1.AppendUtterancesRequest {
		return &transcriptv1.AppendUtterancesRequest{CallId: "c", Utterances: []*transcriptv1.NewUtterance{u}}
	}
	with := func(d *transcriptv1.CallDetails) *transcriptv1.AppendUtterancesRequest {
		return &transcriptv1.AppendUtterancesRequest{CallId: "c", Call: d, Utterances: say("a")}
	}
	for _, c := range []struct {
		code, field string
		req         *transcriptv1.AppendUtterancesRequest
	}{
		{"FIELD_TOO_LONG", "callId", &transcriptv1.AppendUtterancesRequest{CallId: long, Utterances: say("a")}},
		{"FIELD_REQUIRED", "callId", &transcriptv1.AppendUtterancesRequest{Utterances: say("a")}},
		{"FIELD_INVALID", "callId", &transcriptv1.AppendUtterancesRequest{CallId: "a\nb", Utterances: say("a")}},
		{"FIELD_REQUIRED", "utterances", &transcriptv1.AppendUtterancesRequest{CallId: "c"}},
		{"BODY_TOO_LARGE", "utterances", &transcriptv1.AppendUtterancesRequest{CallId: "c", Utterances: say(make([]string, 501)...)}},
		{"BODY_TOO_LARGE", "utterances[32]", &transcriptv1.AppendUtterancesRequest{
			CallId: "c", Utterances: say(slices.Repeat([]string{big}, 33)...),
		}},
		{"UTTERANCE_TOO_LARGE", "utterances[1].text", &transcriptv1.AppendUtterancesRequest{CallId: "c", Utterances: say("a", big+"x")}},
		{"FIELD_REQUIRED", "utterances[0].utteranceId", one(&transcriptv1.NewUtterance{})},
		{"FIELD_TOO_LONG", "utterances[0].utteranceId", one(&transcriptv1.NewUtterance{UtteranceId: long})},
		{"FIELD_TOO_LONG", "utterances[0].speaker", one(&transcriptv1.NewUtterance{UtteranceId: "u", Speaker: long})},
		{"FIELD_INVALID", "utterances[0].kind", one(&transcriptv1.NewUtterance{UtteranceId: "u", Kind: "song"})},
		{"FIELD_INVALID", "call.direction", with(&transcriptv1.CallDetails{Direction: "sideways"})},
		{"FIELD_INVALID", "call.startedAt", with(&transcriptv1.CallDetails{StartedAt: timestamppb.New(time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC))})},
	} {
		_, err := s.AppendUtterances(editor(t), c.req)
		if f, _ := fault.As(err); f == nil || f.Code != c.code || f.Field != c.field {
			t.Errorf("%s %s: got %v", c.code, c.field, err)
		}
	}
	if _, err := s.GetCall(editor(t), &transcriptv1.GetCallRequest{CallId: "c"}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a refused append has opened the call: %v", err)
	}
	if b.last(subject.Calls)+b.last(subject.Live) != 0 {
		t.Error("a refused append has left something on the log")
	}
	// The limits themselves are allowed.
	id := strings.Repeat("字", 255)
	full := append(say(slices.Repeat([]string{big}, 32)...), say(make([]string, 500)...)[32:]...)
	full[499].UtteranceId = id
	if res := add(t, s, id, full); res.GetAccepted() != 500 {
		t.Errorf("500 utterances of 512 KiB: %v", res)
	}
}

func TestACallHasAtMost20000Entries(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	batch := func(from, n int) (out []*transcriptv1.NewUtterance) {
		for i := range n {
			out = append(out, &transcriptv1.NewUtterance{UtteranceId: fmt.Sprint(from + i), Text: "x"})
		}
		return out
	}
	add(t, s, "c", batch(0, 500))
	at := subject.LiveWords("a", "c")
	for from := 500; from < 19_500; from += 4750 { // what 38 more appends would have left, in less time
		words := &eventv1.Words{}
		for _, u := range batch(from, 4750) {
			words.Entries = append(words.Entries, &eventv1.Entry{UtteranceId: u.GetUtteranceId(), Text: "x"})
		}
		b.write(stream.NewGuard(subject.Live, at), at, &eventv1.LiveEvent{Kind: &eventv1.LiveEvent_Words{Words: words}})
	}
	try := func(words []*transcriptv1.NewUtterance) (*transcriptv1.AppendUtterancesResponse, error) {
		return s.AppendUtterances(editor(t), &transcriptv1.AppendUtterancesRequest{CallId: "c", Utterances: words})
	}
	last := append(batch(19_500, 499), batch(30_000, 1)...)
	_, err := try(last)
	for end := time.Now().Add(time.Minute); fault.KindOf(err) == fault.Unavailable && time.Now().Before(end); {
		_, err = try(last) // the view is still taking in what was written beside it
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := try(batch(40_000, 1)); !fault.Is(err, "CALL_TOO_LARGE") {
		t.Errorf("one more gives %v", err)
	}
	if res, err := try(batch(0, 500)); err != nil || res.GetDuplicates() != 500 || res.GetRevision() != 20_000 {
		t.Errorf("a repetition gives %v, %v", res, err)
	}
	if got := read(t, s, "c", 0); len(got.GetUtterances()) != 20_000 || got.GetLastUtterance() != "30000" {
		t.Errorf("%d utterances", len(got.GetUtterances()))
	}
}

func TestWhatRecognisersSendIsAccepted(t *testing.T) {
	t.Parallel()
	s := newBench(t).replica()
	words := []*transcriptv1.NewUtterance{
		{UtteranceId: "a", Speaker: "speaker_7", Text: "[noise]", StartSec: new(9.5)},
		{UtteranceId: "b", Speaker: "", Text: "", StartSec: new(3.0), DurationSec: new(0.06)},
		{UtteranceId: "お", Kind: "recognizer_lost", Order: -4, Text: "two\nlines\r\n", Vendor: "v"},
	}
	const call = "通話 1/ü %2F ~"
	add(t, s, call, words)
	for _, step := range []string{"live", "folded"} {
		for i, u := range read(t, s, call, 0).GetUtterances() {
			w := words[i]
			if u.GetUtteranceId() != w.GetUtteranceId() || u.GetText() != w.GetText() || u.GetOrder() != w.GetOrder() ||
				u.GetStartSec() != w.GetStartSec() || u.GetSpeaker() != w.GetSpeaker() || u.GetVendor() != w.GetVendor() ||
				(u.DurationSec == nil) != (w.DurationSec == nil) {
				t.Errorf("%s: sent %v, read %v", step, w, u)
			}
		}
		end(t, s, call)
	}
}

func TestWhoMayWriteAndWhoMayRead(t *testing.T) {
	t.Parallel()
	s := newBench(t).replica()
	open := &transcriptv1.AppendUtterancesRequest{
		CallId: "c", Call: &transcriptv1.CallDetails{AgentAccount: "hanako"}, Utterances: say("a"),
	}
	if _, err := s.AppendUtterances(editor(t), open); err != nil {
		t.Fatal(err)
	}
	viewer, stranger := as(t, "a", "account-3", identity.PermissionView), as(t, "b", "x", identity.PermissionEdit)
	own := as(t, "a", "account-1", identity.PermissionView)
	service := identity.With(t.Context(), identity.Caller{Tenant: "a", Service: "demo"})
	homeless := identity.With(t.Context(), identity.Caller{Service: "demo"})
	more := func(call string) *transcriptv1.AppendUtterancesRequest {
		return &transcriptv1.AppendUtterancesRequest{CallId: call, Utterances: say("a", "b")}
	}
	take := &transcriptv1.AppendUtterancesRequest{ // naming oneself must not make the call one's own
		CallId: "c", Call: &transcriptv1.CallDetails{AgentAccount: "account-3"}, Utterances: say("a", "b"),
	}
	for name, c := range map[string]struct {
		do   func() error
		want fault.Kind
	}{
		"viewer appends":         {func() error { _, err := s.AppendUtterances(viewer, more("c")); return err }, fault.Forbidden},
		"viewer takes over":      {func() error { _, err := s.AppendUtterances(viewer, take); return err }, fault.Forbidden},
		"viewer opens":           {func() error { _, err := s.AppendUtterances(viewer, more("new")); return err }, fault.Forbidden},
		"viewer ends":            {func() error { _, err := s.EndCall(viewer, &transcriptv1.EndCallRequest{CallId: "c"}); return err }, fault.Forbidden},
		"viewer reads":           {func() error { _, err := s.GetCall(viewer, &transcriptv1.GetCallRequest{CallId: "c"}); return err }, fault.Other},
		"agent appends":          {func() error { _, err := s.AppendUtterances(own, more("c")); return err }, fault.Other},
		"service appends":        {func() error { _, err := s.AppendUtterances(service, more("c")); return err }, fault.Other},
		"stranger ends":          {func() error { _, err := s.EndCall(stranger, &transcriptv1.EndCallRequest{CallId: "c"}); return err }, fault.NotFound},
		"stranger reads":         {func() error { _, err := s.GetCall(stranger, &transcriptv1.GetCallRequest{CallId: "c"}); return err }, fault.NotFound},
		"nobody appends":         {func() error { _, err := s.AppendUtterances(t.Context(), more("c")); return err }, fault.Unauthenticated},
		"service without tenant": {func() error { _, err := s.AppendUtterances(homeless, more("c")); return err }, fault.Forbidden},
		"stranger reads words": {func() error {
			_, err := s.GetTranscript(stranger, &transcriptv1.GetTranscriptRequest{CallId: "c", Newest: true})
			return err
		}, fault.NotFound},
	} {
		if err := c.do(); fault.KindOf(err) != c.want {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	if res, err := s.ListCalls(stranger, &transcriptv1.ListCallsRequest{}); err != nil || len(res.GetCalls()) != 0 {
		t.Errorf("another tenant lists %v, %v", res, err)
	}
	if _, err := s.AppendUtterances(stranger, more("c")); err != nil { // the same id is another call there
		t.Errorf("another tenant's own call: %v", err)
	}
	if got := read(t, s, "c", 0); len(texts(got)) != 2 || got.GetCall().GetAgentAccountId() != "account-1" {
		t.Errorf("got %v", got)
	}
}

func TestDetailsAreMerged(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one, two := b.replica(), b.replica()
	say := func(s *ingest.Service, d *transcriptv1.CallDetails) *transcriptv1.Call {
		res, err := s.AppendUtterances(editor(t), &transcriptv1.AppendUtterancesRequest{CallId: "c", Call: d, Utterances: say("a")})
		if err != nil {
			t.Fatal(err)
		}
		got, err := two.GetCall(editor(t), &transcriptv1.GetCallRequest{CallId: "c", MinPosition: res.GetPosition()})
		if err != nil {
			t.Fatal(err)
		}
		return got.GetCall()
	}
	start := timestamppb.New(time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC))
	c := say(one, &transcriptv1.CallDetails{Label: "A", AgentAccount: "nobody known", Labels: map[string]string{"x": "1", "y": "2"}})
	if c.GetAgentName() != "nobody known" || c.GetAgentAccountId() != "" || c.GetState() != "live" || c.GetStartedAt() == nil {
		t.Fatalf("%v", c)
	}
	c = say(two, &transcriptv1.CallDetails{Label: "B", StartedAt: start, Queue: "q", AgentAccount: "account-1", Labels: map[string]string{"y": "3"}})
	if c.GetLabel() != "B" || c.GetAgentAccountId() != "account-1" || c.GetAgentName() != "山田 花子" || c.GetLabels()["x"] != "1" ||
		c.GetLabels()["y"] != "3" || !proto.Equal(c.GetStartedAt(), start) {
		t.Fatalf("%v", c)
	}
	// The first replica may not have seen B yet; saying A again must nevertheless win.
	if c = say(one, &transcriptv1.CallDetails{Label: "A"}); c.GetLabel() != "A" || c.GetQueue() != "q" {
		t.Fatalf("%v", c)
	}
	before := b.last(subject.Calls)
	if say(one, &transcriptv1.CallDetails{Label: "A", AgentAccount: "hanako"}); b.last(subject.Calls) != before {
		t.Error("details that say nothing new were written")
	}
	many := map[string]string{}
	for i := range 31 {
		many[fmt.Sprint("label", i)] = "v"
	}
	_, err := one.AppendUtterances(editor(t), &transcriptv1.AppendUtterancesRequest{
		CallId: "c", Call: &transcriptv1.CallDetails{Labels: many}, Utterances: []*transcriptv1.NewUtterance{{UtteranceId: "z"}},
	})
	if f, _ := fault.As(err); f == nil || f.Field != "call.labels" {
		t.Errorf("33 labels in all: %v", err)
	}
}

func TestEndingAgainIsTheSame(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one, two := b.replica(), b.replica()
	add(t, one, "c", say("a"))
	var group sync.WaitGroup
	for i := range 6 {
		group.Go(func() {
			s := []*ingest.Service{one, two}[i%2]
			if _, err := s.EndCall(editor(t), &transcriptv1.EndCallRequest{CallId: "c"}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	first, again := end(t, one, "c"), end(t, two, "c")
	if first.GetCall().GetState() != "finished" || !proto.Equal(first.GetCall(), again.GetCall()) {
		t.Errorf("%v, then %v", first, again)
	}
	if len(b.parts("c")) != 1 || b.last(subject.Calls) != 2 {
		t.Errorf("%d parts, %d events", len(b.parts("c")), b.last(subject.Calls))
	}
	b.onlySealed("c")
	_, err := one.EndCall(editor(t), &transcriptv1.EndCallRequest{CallId: "unknown"})
	if fault.KindOf(err) != fault.NotFound {
		t.Errorf("ending an unknown call: %v", err)
	}
}

func TestTheRunningAnalysisIsTheFirstThatHasNotEnded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	add(t, s, "c", say("a"))
	running := func(want string) {
		t.Helper()
		if got := read(t, s, "c", 0).GetCall().GetRunningAnalysisId(); got != want {
			t.Errorf("running %q, want %q", got, want)
		}
	}
	ended := func(id string) *eventv1.Outcome { return &eventv1.Outcome{AnalysisId: id} }
	running("")
	b.tell("c", "x", subject.KindRequested, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Requested{
		Requested: &eventv1.AnalysesRequested{Analyses: []*eventv1.RequestedAnalysis{{Id: "x"}, {Id: "y"}, {Id: "z"}}},
	}})
	running("x")
	b.tell("c", "x", subject.KindStarted, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Started{}})
	b.tell("c", "y", subject.KindCancelled, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Cancelled{
		Cancelled: &eventv1.AnalysisCancelled{Outcome: ended("y")},
	}})
	running("x")
	b.tell("c", "x", subject.KindFailed, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Failed{
		Failed: &eventv1.AnalysisFailed{Outcome: ended("x")},
	}})
	running("z")
	b.tell("c", "z", subject.KindCompleted, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Completed{
		Completed: &eventv1.AnalysisCompleted{Outcome: ended("z")},
	}})
	running("")
}

func TestListsArePagedWithoutGapOrRepetition(t *testing.T) {
	t.Parallel()
	s := newBench(t).replica()
	noon := time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)
	open := func(call string, at time.Time) {
		_, err := s.AppendUtterances(editor(t), &transcriptv1.AppendUtterancesRequest{
			CallId: call, Call: &transcriptv1.CallDetails{StartedAt: timestamppb.New(at)}, Utterances: say("a"),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var want []string
	for n := range 25 { // three calls a minute, so that ids decide too, and each begins with the one before
		call := fmt.Sprintf("call-%02d", n/3) + strings.Repeat("x", n%3)
		open(call, noon.Add(-time.Duration(n/3)*time.Minute))
		want = append(want, call)
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
		open("call-new-"+fmt.Sprint(len(got)), noon.Add(time.Hour)) // comes in above, and moves nothing
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%d calls: %v", len(got), got)
	}
	if _, err := s.ListCalls(editor(t), &transcriptv1.ListCallsRequest{PageToken: "%"}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a token that we never made: %v", err)
	}
}
