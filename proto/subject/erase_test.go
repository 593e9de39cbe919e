package subject_test

import (
	"slices"
	"testing"

	"github.com/kikigaki/kikigaki/proto/subject"
)

func TestEverySubjectOfACallHasItsTombstones(t *testing.T) {
	t.Parallel()
	erased := subject.Tombstone{Stream: subject.Calls, Subject: "kikigaki.call.a.c._.erased"}
	for at, want := range map[string][]subject.Tombstone{
		subject.Call("a", "c", subject.KindOpened):        {erased},
		subject.Analysis("a", "c", "x", subject.KindSent): {erased, {Stream: subject.Calls, Subject: "kikigaki.call.a.c.x.deleted"}},
		subject.Part("a", "c", 3):                         {{Stream: subject.Transcripts, Subject: "kikigaki.transcript.a.c._"}},
		subject.DeadLetter("a", "inbox", "c"):             {erased},
		subject.DeadLetter("a", "inbox", ""):              nil,
		subject.LiveWords("a", "c"):                       nil,
		subject.Key("a", "k"):                             nil,
		"foreign":                                         nil,
	} {
		if got := subject.Tombstones(at); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", at, got, want)
		}
	}
	for _, filler := range []string{subject.LiveFiller(), subject.InboxFiller()} {
		if _, _, _, ok := subject.Parse(filler); ok {
			t.Errorf("%s is taken for somebody's words", filler)
		}
	}
}

func TestFiltersOfWhatIsErasedNeverChange(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"kikigaki.call.a.c._.>":     subject.CallOwn("a", "c"),
		"kikigaki.call.a.c.x.>":     subject.AnalysisOwn("a", "c", "x"),
		"kikigaki.call.a.c.*.piece": subject.KindOfAnalyses("a", "c", subject.KindPiece),
		"kikigaki.live._.filler":    subject.LiveFiller(),
		"kikigaki.inbox._.filler":   subject.InboxFiller(),
	} {
		if got != want {
			t.Errorf("%s, was %s", got, want)
		}
	}
}
