package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	ingest "github.com/kikigaki/kikigaki/services/transcript-ingest"
)

// marker is what must be found nowhere.
const marker = "zebra-marker"

// admin is a system administrator of a tenant.
func admin(t testing.TB, tenant string) context.Context {
	t.Helper()
	return identity.With(t.Context(), identity.Caller{
		Tenant: tenant, AccountID: "boss", Name: "Boss " + marker, Role: identity.RoleSystemAdmin,
		CallPermission: identity.PermissionEdit,
	})
}

func erase(t *testing.T, s *ingest.Service, call string) *transcriptv1.EraseCallResponse {
	t.Helper()
	var res *transcriptv1.EraseCallResponse
	err := insist(func() (err error) {
		res, err = s.EraseCall(admin(t, "a"), &transcriptv1.EraseCallRequest{CallId: call})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// tell says a marked word in a call, with a marked label.
func tell(t *testing.T, s *ingest.Service, call, id string) {
	t.Helper()
	err := insist(func() error {
		_, err := s.AppendUtterances(editor(t), &transcriptv1.AppendUtterancesRequest{
			CallId: call, Call: &transcriptv1.CallDetails{Label: "label " + marker},
			Utterances: []*transcriptv1.NewUtterance{{UtteranceId: id, Text: strings.Repeat("word "+marker+" ", 300)}},
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// holding are the files below some directories that hold the marker.
func holding(dirs ...string) (names []string) {
	for _, dir := range dirs {
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return nil //nolint:nilerr // files are replaced while they are looked for
			}
			if data, err := os.ReadFile(path); err == nil && bytes.Contains(data, []byte(marker)) {
				names = append(names, path)
			}
			return nil
		})
	}
	return names
}

// onlyTombstones fails the test unless nothing but tombstones is left of a call.
func (b *bench) onlyTombstones(call string) {
	b.t.Helper()
	left := func(g stream.Guard) (out []string) {
		for _, m := range b.stored(g) {
			out = append(out, m.Subject)
		}
		return out
	}
	for want, got := range map[string][]string{
		subject.Call("a", call, subject.KindErased): left(stream.NewGuard(subject.Calls, subject.CallGuard("a", call))),
		subject.PartsErased("a", call):              left(stream.NewGuard(subject.Transcripts, subject.TranscriptGuard("a", call))),
	} {
		if fmt.Sprint(got) != fmt.Sprint([]string{want}) {
			b.t.Errorf("%v is left, want %s", got, want)
		}
	}
	b.onlySealed(call)
}

// gone waits until a call is erased to the end.
func (b *bench) gone(call string) {
	b.t.Helper()
	count := func() (n int) {
		for _, g := range []stream.Guard{
			stream.NewGuard(subject.Calls, subject.CallGuard("a", call)), stream.NewGuard(subject.Live, subject.LiveWords("a", call)),
			stream.NewGuard(subject.Transcripts, subject.TranscriptGuard("a", call)),
		} {
			n += len(b.stored(g))
		}
		return n
	}
	eventually(b.t, call+" to be erased", func() bool { return count() == 3 })
	b.onlyTombstones(call)
}

// keepInboxBusy leaves something in the inbox for half a minute, as a wipe does that was cut short: an inbox that runs
// empty has no files.
func (b *bench) keepInboxBusy() {
	b.t.Helper()
	if err := b.publish(subject.InboxFiller(), nil, []byte("left by a wipe")); err != nil {
		b.t.Fatal(err)
	}
}

func TestAnErasedCallIsInNoFile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	views := []string{filepath.Join(t.TempDir(), "one"), filepath.Join(t.TempDir(), "two")}
	one, two := b.replicaOver(views[0]), b.replicaOver(views[1])
	b.put(spoken("kept", 0))
	b.taken()
	b.keepInboxBusy()
	for _, call := range []string{"live", "folded", "late"} {
		for i := range 5 {
			tell(t, one, call, fmt.Sprint(i))
		}
		b.put(event("utterance", call, fmt.Sprintf(`{"callId":%q,"utteranceId":"inbox","text":%q}`, call, marker)))
		eventually(t, "what was published to be there", func() bool {
			return slices.Contains(texts(read(t, one, call, 0)), marker)
		})
		if call != "live" {
			end(t, one, call)
		}
	}
	for _, call := range []string{"folded", "late"} { // a purge behind a wipe is the server's own to clean up after
		eventually(t, "what was folded to be purged", func() bool {
			return len(b.stored(stream.NewGuard(subject.Live, subject.LiveWords("a", call)))) == 1
		})
	}
	tell(t, two, "late", "late")
	add(t, one, "kept", say("kept words"))
	if inbox := filepath.Join(b.server.StoreDir(), "jetstream", "$G", "streams", subject.Inbox); len(holding(inbox)) == 0 {
		t.Error("the marker is not in the inbox's files: nothing is left to be proved of them")
	}
	for _, call := range []string{"live", "folded", "late"} {
		at := erase(t, one, call).GetPosition()
		for i, s := range []*ingest.Service{one, two} {
			if _, err := s.GetCall(editor(t), &transcriptv1.GetCallRequest{CallId: call, MinPosition: at}); !fault.Is(err, "CALL_ERASED") {
				t.Errorf("replica %d: %s reads %v", i, call, err)
			}
		}
	}
	for _, call := range []string{"live", "folded", "late"} {
		b.gone(call)
		if erase(t, two, call).GetPosition() == "" {
			t.Error("erasing again has no position")
		}
	}
	dirs := []string{views[0], views[1], b.server.StoreDir()}
	defer func() {
		if t.Failed() {
			t.Logf("it is in %v", holding(dirs...))
		}
	}()
	busy := time.Now()
	eventually(t, "the marker to be in no file", func() bool {
		if time.Since(busy) > 10*time.Second {
			busy = time.Now()
			b.keepInboxBusy()
		}
		return len(holding(dirs...)) == 0
	})
	if got := texts(read(t, two, "kept", 0)); fmt.Sprint(got) != "[0 kept words]" {
		t.Errorf("another call reads %q", got)
	}
	fresh := b.replica()
	if a, c := sums(t, one, fresh), sums(t, fresh, one); a != c {
		t.Errorf("views differ:\n%s\n%s", a, c)
	}
}

func TestOnlyASystemAdministratorErases(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	add(t, s, "c", say("a"))
	for want, ctx := range map[string]context.Context{
		"FORBIDDEN": editor(t), "NOT_FOUND": admin(t, "b"), "UNAUTHENTICATED": t.Context(),
	} {
		if _, err := s.EraseCall(ctx, &transcriptv1.EraseCallRequest{CallId: "c"}); !fault.Is(err, want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := s.EraseCall(admin(t, "a"), &transcriptv1.EraseCallRequest{CallId: "none"}); !fault.Is(err, "NOT_FOUND") {
		t.Errorf("a call that never was: %v", err)
	}
	if got := texts(read(t, s, "c", 0)); len(got) != 1 {
		t.Errorf("it reads %q", got)
	}
}

// Whatever step an erase died behind, a replica that starts goes on with it, and so does erasing again.
func TestWhoComesNextFinishesTheErase(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	dies := b.logOnly()
	var calls []string
	for step := ingest.Tombstone; step <= ingest.WordsGone; step++ {
		for _, folded := range []bool{false, true} {
			call := fmt.Sprint("erase-", step, "-", folded)
			calls = append(calls, call)
			for i := range 3 {
				tell(t, dies, call, fmt.Sprint(i))
			}
			if folded {
				end(t, dies, call)
			}
			if err := ingest.EraseAndDie(t.Context(), dies, "a", call, step); err != nil {
				t.Fatal(err)
			}
		}
	}
	stop(t, dies)
	s := b.replica()
	for _, call := range calls {
		b.gone(call)
		if _, err := s.AppendUtterances(editor(t), &transcriptv1.AppendUtterancesRequest{CallId: call, Utterances: say("x")}); !fault.Is(err, "CALL_ERASED") {
			t.Errorf("%s takes words: %v", call, err)
		}
	}
	eventually(t, "the marker to be in no file of the log", func() bool { return len(holding(b.server.StoreDir())) == 0 })
}

// logOnly is a replica whose sweeper does nothing, so that what it leaves stays as it is.
func (b *bench) logOnly() *ingest.Service {
	b.t.Helper()
	s := ingest.New(ingest.Config{Views: filepath.Join(b.t.TempDir(), "views")}, ingest.Deps{
		Log: b.connect(), Access: b.access, Logger: slog.New(slog.DiscardHandler),
	})
	ingest.NeverErase(s)
	if err := s.Start(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	eventually(b.t, "the replica to be ready", func() bool { return s.Ready(b.t.Context()) == nil })
	return s
}

// Words that are on their way while a call is erased are either refused or erased with it: nothing lies behind a
// tombstone, and nobody is told that words are stored who sent them after the erase was acknowledged.
func TestNothingIsStoredBehindAnErase(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]func() *bench{
		"one server":    func() *bench { return newBench(t) },
		"three servers": func() *bench { return newClusterBench(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b().raceErase(t, 1)
		})
	}
}

func (b *bench) raceErase(t *testing.T, rounds int) {
	t.Helper()
	replicas := []*ingest.Service{b.replica(), b.replica()}
	for round := range rounds {
		for _, folded := range []bool{false, true} {
			call := fmt.Sprint("race-", round, "-", folded)
			tell(t, replicas[0], call, "first")
			if folded {
				end(t, replicas[0], call)
			}
			b.publishWhile(t, replicas, call, func() { erase(t, replicas[round%2], call) })
			b.gone(call)
		}
	}
}

// publishWhile sends words to a call by all replicas until something is done, and some more.
func (b *bench) publishWhile(t *testing.T, replicas []*ingest.Service, call string, do func()) {
	t.Helper()
	acknowledged := make(chan struct{})
	var group sync.WaitGroup
	for w := range 6 {
		group.Go(func() {
			after := 0
			for n := 0; after < 1; n++ {
				over := false
				select {
				case <-acknowledged:
					over = true
					after++
				default:
				}
				err := insist(func() error {
					_, err := replicas[w%2].AppendUtterances(editor(t), &transcriptv1.AppendUtterancesRequest{
						CallId: call, Utterances: []*transcriptv1.NewUtterance{{UtteranceId: fmt.Sprint(w, "-", n), Text: marker}},
					})
					return err
				})
				if over && !fault.Is(err, "CALL_ERASED") || err != nil && !fault.Is(err, "CALL_ERASED") {
					t.Errorf("writer %d, after the erase %v: %v", w, over, err)
					return
				}
			}
		})
	}
	defer group.Wait() // also where do ends the test
	defer close(acknowledged)
	do()
}

func TestATombstoneNamesNobody(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	tell(t, s, "c", "1")
	erase(t, s, "c")
	m, ok, err := b.log.Last(t.Context(), stream.NewGuard(subject.Calls, subject.Call("a", "c", subject.KindErased)))
	e := &eventv1.CallEvent{}
	if err != nil || !ok || proto.Unmarshal(m.Data, e) != nil || e.GetMeta().GetBy().GetAccountId() != "boss" {
		t.Fatalf("%v %v %v", e, ok, err)
	}
	if bytes.Contains(m.Data, []byte(marker)) {
		t.Errorf("%v holds a name", e)
	}
}
