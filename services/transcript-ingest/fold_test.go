package ingest_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/stream"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	ingest "github.com/kikigaki/kikigaki/services/transcript-ingest"
)

// long fills a call with 125 utterances of so many words, in several appends, one of them corrected again and again, and
// returns its transcripts at some revisions.
func long(t *testing.T, s *ingest.Service, call string, words int) map[uint32]*transcriptv1.GetTranscriptResponse {
	t.Helper()
	pins := map[uint32]*transcriptv1.GetTranscriptResponse{}
	for n := range 5 {
		var said []*transcriptv1.NewUtterance
		for i := range 25 {
			text := fmt.Sprint(n, " ", i, strings.Repeat(" word", words))
			said = append(said, &transcriptv1.NewUtterance{UtteranceId: fmt.Sprint(n, "-", i), Speaker: "agent", Text: text})
		}
		said = append(said, &transcriptv1.NewUtterance{UtteranceId: "0-3", Version: uint32(n + 1), Text: fmt.Sprint("correction ", n)})
		res := add(t, s, call, said)
		for _, r := range []uint32{res.GetRevision() - 7, res.GetRevision()} {
			pins[r] = glance(t, s, call, r)
		}
	}
	return pins
}

// glance returns a transcript at a revision as the replica has it.
func glance(t *testing.T, s *ingest.Service, call string, revision uint32) *transcriptv1.GetTranscriptResponse {
	t.Helper()
	res, err := s.GetTranscript(editor(t), &transcriptv1.GetTranscriptRequest{CallId: call, Revision: revision})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// holds fails the test unless every revision still reads the same.
func holds(t *testing.T, s *ingest.Service, call string, pins map[uint32]*transcriptv1.GetTranscriptResponse) {
	t.Helper()
	read(t, s, call, 0) // brings the view up to what the leaders have
	for r, was := range pins {
		now := glance(t, s, call, r)
		if now.GetLastUtterance() != was.GetLastUtterance() || !slices.EqualFunc(now.GetUtterances(), was.GetUtterances(),
			func(a, b *transcriptv1.Utterance) bool { return proto.Equal(a, b) }) {
			t.Errorf("%s reads differently at revision %d: %d utterances, were %d",
				call, r, len(now.GetUtterances()), len(was.GetUtterances()))
		}
	}
}

func TestAFoldKeepsEveryRevision(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s, other := b.replica(), b.replica()
	pins := long(t, s, "c", 2000)
	if end(t, s, "c").GetCall().GetRevision() != 130 {
		t.Error("the fold has changed the revision")
	}
	holds(t, s, "c", pins)
	holds(t, other, "c", pins)
	if n := len(b.parts("c")); n != 3 {
		t.Errorf("%d parts", n)
	}
	b.onlySealed("c")
	late := add(t, other, "c", say("late"))
	pins[late.GetRevision()] = read(t, s, "c", 0)
	if late.GetRevision() != 131 || len(b.parts("c")) != 4 {
		t.Errorf("late: %v in %d parts", late, len(b.parts("c")))
	}
	holds(t, b.replica(), "c", pins)
}

// Whatever step a fold died behind, whoever comes next finishes it: another end, late words, or a starting replica.
func TestWhoComesNextFinishesTheFold(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	dies := b.replica()
	ingest.CutSmall(dies)
	type left struct {
		call string
		pins map[uint32]*transcriptv1.GetTranscriptResponse
	}
	var all []left
	for name, next := range map[string]func(s *ingest.Service, call string){
		"end":  func(s *ingest.Service, call string) { end(t, s, call) },
		"late": func(s *ingest.Service, call string) { add(t, s, call, say("late")) },
	} {
		for step := ingest.Ended; step <= ingest.AllParts; step++ {
			call := fmt.Sprint(name, "-", step)
			all = append(all, left{call, long(t, dies, call, 16)})
			if err := ingest.EndAndDie(t.Context(), dies, "a", call, step); err != nil {
				t.Fatal(err)
			}
			holds(t, dies, call, all[len(all)-1].pins)
			next(dies, call)
		}
	}
	for step := ingest.Ended; step <= ingest.AllParts; step++ {
		call := fmt.Sprint("sweep-", step)
		all = append(all, left{call, long(t, dies, call, 16)})
		if err := ingest.EndAndDie(t.Context(), dies, "a", call, step); err != nil {
			t.Fatal(err)
		}
	}
	b.replica() // sweeps as it starts
	for _, l := range all {
		eventually(t, l.call+" to be purged", func() bool {
			return len(b.stored(stream.NewGuard(subject.Live, subject.LiveWords("a", l.call)))) == 1
		})
		b.onlySealed(l.call)
		holds(t, dies, l.call, l.pins)
		if n := len(b.parts(l.call)); n == 0 {
			t.Errorf("%s has no parts", l.call)
		}
	}
}

// Nothing may lie behind a seal, also where nobody has yet heard that the call ended.
func TestWordsBehindASealAreLate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	add(t, s, "c", say("a"))
	at := subject.LiveWords("a", "c")
	b.write(stream.NewGuard(subject.Live, at), at, &eventv1.LiveEvent{Kind: &eventv1.LiveEvent_Sealed{Sealed: &eventv1.Sealed{Entries: 1}}})
	if unfolded, err := ingest.AddLate(t.Context(), s, "a", "c"); !unfolded {
		t.Errorf("late words before the fold: %v", err)
	}
	if res := add(t, s, "c", say("a", "b")); res.GetDuplicates() != 1 || res.GetRevision() != 2 || len(b.parts("c")) != 2 {
		t.Errorf("%v in %d parts", res, len(b.parts("c")))
	}
	b.onlySealed("c")
}

func TestARunningReplicaFinishesFoldsToo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	at := subject.LiveWords("a", "old")
	b.write(stream.NewGuard(subject.Live, at), at, &eventv1.LiveEvent{
		Kind: &eventv1.LiveEvent_Words{Words: &eventv1.Words{Entries: []*eventv1.Entry{{UtteranceId: "1"}}}},
	})
	b.tell("old", "", subject.KindOpened, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Opened{Opened: &eventv1.CallOpened{}}})
	b.tell("old", "", subject.KindEnded, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Ended{
		Ended: &eventv1.CallEnded{EndedAt: timestamppb.Now()},
	}})
	s := b.replica()
	eventually(t, "what a start looks for once to be found", func() bool { return len(b.parts("old")) == 1 })
	calls := []string{"a", "b", "c", "d"}
	for _, call := range calls {
		add(t, s, call, say("x", "y"))
	}
	for _, call := range calls[1:3] {
		if err := ingest.EndAndDie(t.Context(), s, "a", call, ingest.Ended); err != nil {
			t.Fatal(err)
		}
	}
	parts := func() (n int) {
		for _, call := range calls {
			n += len(b.parts(call))
		}
		return n
	}
	for _, call := range calls {
		read(t, s, call, 0) // brings the view up to what the leaders have
	}
	if ingest.SweepAt(t.Context(), s, time.Now()); parts() != 0 {
		t.Error("a fold that has just begun was taken out of another's hands")
	}
	if ingest.SweepAt(t.Context(), s, time.Now().Add(time.Hour)); parts() != 2 {
		t.Errorf("%d parts, want one of each ended call", parts())
	}
	for _, call := range calls[1:3] {
		b.onlySealed(call)
	}
}

func TestADeletedViewAnswersTheSame(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	pins := map[string]map[uint32]*transcriptv1.GetTranscriptResponse{}
	for n := range 8 {
		call := fmt.Sprint("call ", n)
		pins[call] = map[uint32]*transcriptv1.GetTranscriptResponse{}
		add(t, s, call, say("a", "b", "c"))
		switch n % 4 {
		case 1:
			end(t, s, call)
			add(t, s, call, say("a", "b", "c", "late"))
		case 2:
			if err := ingest.EndAndDie(t.Context(), s, "a", call, ingest.OnePart); err != nil {
				t.Fatal(err)
			}
		case 3:
			b.tell(call, "x", subject.KindRequested, requested("x"))
		}
		for r := range uint32(3) {
			pins[call][r] = read(t, s, call, r)
		}
	}
	list, err := s.ListCalls(editor(t), &transcriptv1.ListCallsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	views := filepath.Join(t.TempDir(), "views")
	again := b.replicaOver(views)
	stop(t, again)
	again = b.replicaOver(views) // over the view that it had
	fresh := b.replica()         // over none
	for _, s := range []*ingest.Service{again, fresh} {
		now, err := s.ListCalls(editor(t), &transcriptv1.ListCallsRequest{})
		if err != nil || !slices.EqualFunc(now.GetCalls(), list.GetCalls(), func(a, b *transcriptv1.Call) bool { return proto.Equal(a, b) }) {
			t.Errorf("list %v, was %v, %v", now, list, err)
		}
		for call, at := range pins {
			holds(t, s, call, at)
		}
	}
	want := sums(t, s, fresh)
	for name, got := range map[string]string{"kept": sums(t, again, fresh), "new": sums(t, fresh, s)} {
		if got != want {
			t.Errorf("%s view sums to\n%s, want\n%s", name, got, want)
		}
	}
}
