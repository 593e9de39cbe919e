package ingest_test

import (
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/stream"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	ingest "github.com/kikigaki/kikigaki/services/transcript-ingest"
)

func TestACallIsOverHalfAnHourAfterItsLastWords(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		opened := time.Now()
		over := func(heard, want time.Time) bool {
			end, over := ingest.SilentSince(opened, heard, time.Now(), 30*time.Minute)
			if !end.Equal(want) {
				t.Errorf("ended at %v, want %v", end, want)
			}
			return over
		}
		time.Sleep(30*time.Minute - time.Second)
		if over(time.UnixMilli(0), opened) {
			t.Error("over before its time")
		}
		time.Sleep(time.Second)
		if !over(time.UnixMilli(0), opened) {
			t.Error("a call without words goes on for ever")
		}
		heard := time.Now() // words come at the last moment
		time.Sleep(30*time.Minute - time.Second)
		if over(heard, heard) {
			t.Error("over although words came")
		}
		time.Sleep(time.Second)
		if !over(heard, heard) {
			t.Error("not over")
		}
	})
}

// heard is when the server stored a call's newest words.
func (b *bench) heard(call string) time.Time {
	b.t.Helper()
	all := b.stored(stream.NewGuard(subject.Live, subject.LiveWords("a", call)))
	return all[len(all)-1].Time.Truncate(time.Millisecond)
}

// ends are the ends of a call that lie on the log.
func (b *bench) ends(call string) (out []*eventv1.CallEnded) {
	b.t.Helper()
	for _, m := range b.stored(stream.NewGuard(subject.Calls, subject.CallGuard("a", call))) {
		e := &eventv1.CallEvent{}
		if err := proto.Unmarshal(m.Data, e); err != nil {
			b.t.Fatal(err)
		}
		if e.GetEnded() != nil {
			out = append(out, e.GetEnded())
		}
	}
	return out
}

func TestASilentCallEndsOnceAndIsFolded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one, two := b.replica(), b.replica()
	add(t, one, "c", say("A", "B"))
	add(t, one, "other", say("A"))
	end(t, one, "other")
	heard := b.heard("c")
	if err := ingest.EndSilent(t.Context(), one, heard.Add(30*time.Minute-time.Millisecond)); err != nil || len(b.ends("c")) != 0 {
		t.Fatalf("ended too early: %v, %v", b.ends("c"), err)
	}
	read(t, two, "c", 0) // the other replica knows of it as well
	var group sync.WaitGroup
	for _, s := range []*ingest.Service{one, two} {
		group.Go(func() {
			if err := ingest.EndSilent(t.Context(), s, heard.Add(30*time.Minute)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	ends := b.ends("c")
	if len(ends) != 1 || ends[0].GetCause() != "idle" || !ends[0].GetEndedAt().AsTime().Equal(heard) {
		t.Fatalf("ends %v, heard at %v", ends, heard)
	}
	if len(b.ends("other")) != 1 {
		t.Error("a call that had ended was ended again")
	}
	eventually(t, "the fold", func() bool {
		return len(b.stored(stream.NewGuard(subject.Live, subject.LiveWords("a", "c")))) == 1
	})
	b.onlySealed("c")
	if late := add(t, two, "c", say("A", "B", "C")); late.GetAccepted() != 1 || late.GetRevision() != 3 {
		t.Errorf("late words: %v", late)
	}
	if got := read(t, one, "c", 0); got.GetState() != "finished" || len(texts(got)) != 3 {
		t.Errorf("%v", got)
	}
}

// A replica has decided upon what it knew; words that came meanwhile through another one keep the call open.
func TestWordsThatCameMeanwhileKeepACallOpen(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one, two := b.replica(), b.replica()
	add(t, one, "c", say("A"))
	before := b.heard("c")
	for n := 0; !b.heard("c").After(before); n++ {
		add(t, two, "c", say("A", "B", "C", "D", "E", "F", "G")[:n+1])
	}
	if err := ingest.EndIdle(t.Context(), one, "a", "c", before.Add(30*time.Minute)); err != nil || len(b.ends("c")) != 0 {
		t.Errorf("%v, %v", b.ends("c"), err)
	}
}

func TestACallWithoutWordsEndsAsWell(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	b.tell("c", "", subject.KindOpened, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Opened{
		Opened: &eventv1.CallOpened{Info: &eventv1.CallInfo{}},
	}})
	read(t, s, "c", 0)
	if err := ingest.EndSilent(t.Context(), s, time.Now().Add(31*time.Minute)); err != nil || len(b.ends("c")) != 1 {
		t.Errorf("%v, %v", b.ends("c"), err)
	}
}

func TestARunningReplicaEndsSilentCalls(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := ingest.New(ingest.Config{Views: t.TempDir(), IdleAfter: 100 * time.Millisecond}, ingest.Deps{
		Log: b.connect(), Access: b.access, Logger: slog.New(slog.DiscardHandler),
	})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer stop(t, s)
	add(t, s, "c", say("A"))
	eventually(t, "the call to end", func() bool { return len(b.ends("c")) == 1 })
}
