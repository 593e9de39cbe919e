package ingest_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	ingest "github.com/kikigaki/kikigaki/services/transcript-ingest"
)

func TestTwentyAppendsAtOnceLoseNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	replicas := []*ingest.Service{b.replica(), b.replica()}
	const writers, appends = 20, 5
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for n := range appends {
				id := fmt.Sprintf("%d-%d", w, n)
				res, err := appendUntilTaken(t, replicas[w%2], id)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := replicas[(w+1)%2].GetTranscript(editor(t), &transcriptv1.GetTranscriptRequest{
					CallId: "c", Revision: res.GetRevision(), MinPosition: res.GetPosition(),
				})
				if err != nil || !slices.ContainsFunc(got.GetUtterances(), func(u *transcriptv1.Utterance) bool {
					return u.GetUtteranceId() == id
				}) {
					t.Errorf("the other replica does not show what was acknowledged at revision %d: %v", res.GetRevision(), err)
				}
			}
		})
	}
	group.Wait()
	seen := map[string]int{}
	got := read(t, replicas[0], "c", 0)
	for _, u := range got.GetUtterances() {
		seen[u.GetUtteranceId()]++
	}
	if len(seen) != writers*appends || len(got.GetUtterances()) != writers*appends || got.GetRevision() != writers*appends {
		t.Errorf("%d utterances, %d different, revision %d", len(got.GetUtterances()), len(seen), got.GetRevision())
	}
	if one, two := sums(t, replicas[0], replicas[1]), sums(t, replicas[1], replicas[0]); one != two {
		t.Errorf("replicas differ:\n%s\n%s", one, two)
	}
}

// appendUntilTaken appends one utterance, as often as the answer is to try again.
func appendUntilTaken(t *testing.T, s *ingest.Service, id string) (*transcriptv1.AppendUtterancesResponse, error) {
	t.Helper()
	for tries := 0; ; tries++ {
		res, err := s.AppendUtterances(editor(t), &transcriptv1.AppendUtterancesRequest{
			CallId: "c", Utterances: []*transcriptv1.NewUtterance{{UtteranceId: id, Speaker: "agent", Text: "x"}},
		})
		if fault.KindOf(err) != fault.Unavailable || tries == 20 {
			return res, err
		}
	}
}

// A live call is appended to all the time: what one append costs must not grow with the call.
func TestALiveAppendIsOneMessageAndNoQuestion(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	add(t, s, "c", say(make([]string, 500)...))
	ear := b.server.Conn(t)
	questions, err := ear.SubscribeSync("$JS.API.STREAM.MSG.GET.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := ear.Flush(); err != nil {
		t.Fatal(err)
	}
	before := b.last(subject.Live)
	res := add(t, s, "c", []*transcriptv1.NewUtterance{{UtteranceId: "new", Text: "x"}})
	if err := ear.Flush(); err != nil {
		t.Fatal(err)
	}
	asked, _, _ := questions.Pending()
	if written := b.last(subject.Live) - before; asked != 0 || written != 1 || b.last(subject.Calls) != 1 || b.last(subject.Transcripts) != 0 {
		t.Errorf("%d questions, %d messages", asked, written)
	}
	// Who reads elsewhere behind this answer must find the call too, which was opened by an earlier append.
	p, err := stream.ParsePosition(res.GetPosition())
	at := map[string]uint64{}
	for _, m := range p {
		at[m.Stream] = m.Sequence
	}
	if err != nil || len(p) != 4 || at[subject.Live] != b.last(subject.Live) || at[subject.Calls] != 1 {
		t.Errorf("position %v, %v", p, err)
	}
}

func TestAReplicaThatLagsDoesNotCallAPinnedRevisionMissing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one, two := b.replica(), b.replica()
	for n := range 50 {
		call := fmt.Sprint(n)
		res := add(t, one, call, say("a", "b"))
		got, err := two.GetTranscript(editor(t), &transcriptv1.GetTranscriptRequest{CallId: call, Revision: res.GetRevision()})
		if err != nil || len(got.GetUtterances()) != 2 {
			t.Fatalf("%v, %v", got, err)
		}
	}
	_, err := two.GetTranscript(editor(t), &transcriptv1.GetTranscriptRequest{CallId: "0", Revision: 3})
	if f, _ := fault.As(err); f == nil || f.Kind != fault.NotFound || f.Field != "revision" {
		t.Errorf("a revision that there is not: %v", err)
	}
}

func TestNothingIsAcceptedAfterAnErase(t *testing.T) {
	t.Parallel()
	for name, folded := range map[string]bool{"live": false, "folded": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			one, two := b.replica(), b.replica()
			add(t, one, "c", say("a"))
			add(t, one, "other", say("a"))
			if folded {
				end(t, one, "c")
			}
			b.erase("c")
			before := b.written()
			for i, s := range []*ingest.Service{one, two, b.replica()} {
				for what, err := range map[string]error{
					"append":     dropped(s.AppendUtterances(editor(t), &transcriptv1.AppendUtterancesRequest{CallId: "c", Utterances: say("a", "b")})),
					"details":    dropped(s.AppendUtterances(editor(t), &transcriptv1.AppendUtterancesRequest{CallId: "c", Call: &transcriptv1.CallDetails{Label: "x"}, Utterances: say("a", "b")})),
					"end":        dropped(s.EndCall(editor(t), &transcriptv1.EndCallRequest{CallId: "c"})),
					"transcript": dropped(s.GetTranscript(editor(t), &transcriptv1.GetTranscriptRequest{CallId: "c", Newest: true})),
					"call":       dropped(s.GetCall(editor(t), &transcriptv1.GetCallRequest{CallId: "c"})),
				} {
					if !fault.Is(err, "CALL_ERASED") {
						t.Errorf("replica %d: %s gives %v", i, what, err)
					}
				}
				if res, err := s.ListCalls(editor(t), &transcriptv1.ListCallsRequest{}); err != nil || len(res.GetCalls()) != 1 {
					t.Errorf("replica %d lists %v, %v", i, res, err)
				}
			}
			if n := b.written() - before; n != 0 {
				t.Errorf("%d messages were written behind the tombstones", n)
			}
		})
	}
}

// A replica may not yet have seen the call's own tombstone when it writes a part: the one among the parts stops it.
func TestNoPartComesBehindTheTombstoneOfTheParts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	for _, call := range []string{"folded", "sealed"} {
		add(t, s, call, say("a"))
	}
	end(t, s, "folded")
	if err := ingest.EndAndDie(t.Context(), s, "a", "sealed", ingest.Sealed); err != nil {
		t.Fatal(err)
	}
	for _, call := range []string{"folded", "sealed"} {
		b.write(stream.NewGuard(subject.Transcripts, subject.TranscriptGuard("a", call)), subject.PartsErased("a", call),
			&eventv1.TranscriptEvent{Kind: &eventv1.TranscriptEvent_Erased{Erased: &eventv1.TranscriptErased{}}})
	}
	before := b.last(subject.Transcripts)
	_, late := s.AppendUtterances(editor(t), &transcriptv1.AppendUtterancesRequest{CallId: "folded", Utterances: say("a", "b")})
	_, fold := s.EndCall(editor(t), &transcriptv1.EndCallRequest{CallId: "sealed"})
	if !fault.Is(late, "CALL_ERASED") || !fault.Is(fold, "CALL_ERASED") || b.last(subject.Transcripts) != before {
		t.Errorf("late words: %v, a fold: %v", late, fold)
	}
}

func dropped[T any](_ T, err error) error { return err }

// erase writes what an erase begins with: the tombstones of the call and of its parts, and the seal where there is none.
func (b *bench) erase(call string) {
	b.t.Helper()
	b.tell(call, "", subject.KindErased, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Erased{Erased: &eventv1.CallErased{}}})
	b.write(stream.NewGuard(subject.Transcripts, subject.TranscriptGuard("a", call)), subject.PartsErased("a", call),
		&eventv1.TranscriptEvent{Kind: &eventv1.TranscriptEvent_Erased{Erased: &eventv1.TranscriptErased{}}})
	at := subject.LiveWords("a", call)
	last, _, err := b.log.Last(b.t.Context(), stream.NewGuard(subject.Live, at))
	if err != nil {
		b.t.Fatal(err)
	}
	e := &eventv1.LiveEvent{}
	if err := proto.Unmarshal(last.Data, e); err != nil || e.GetSealed() != nil {
		return
	}
	b.write(stream.NewGuard(subject.Live, at), at, &eventv1.LiveEvent{Kind: &eventv1.LiveEvent_Sealed{Sealed: &eventv1.Sealed{}}})
}
