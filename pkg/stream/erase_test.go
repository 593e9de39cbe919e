package stream_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
)

func TestSeveralMayEraseAtOnce(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	l := openBatches(t, s.Conn(t), 1)
	if _, err := l.AppendAll(t.Context(), name, writesTo(50, "e")); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if _, err := l.Erase(t.Context(), name, "test.call.>", 0, nil); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := messages(t, l); n != 0 {
		t.Errorf("%d are left", n)
	}
}

// holders are the files below a directory that contain a text.
func holders(t *testing.T, dir, text string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(text)) {
			files = append(files, strings.TrimPrefix(path, dir))
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // the server may be renaming one
		t.Fatal(err)
	}
	return files
}

const secret = "the-caller-is-ill-4711"

// talk writes words of a call and its seal, all of them with the secret in text, id and subject, between those of others.
// It returns the seal's sequence.
func talk(t *testing.T, l *stream.Log) (seal uint64) {
	t.Helper()
	all := stream.NewGuard(name, "test.call.>")
	last := uint64(0)
	say := func(subject, text string) {
		var err error
		e := stream.Event{ID: fmt.Sprint(text, last), Subject: subject, Data: bytes.Repeat([]byte(text), 20)}
		if last, err = l.Append(t.Context(), all, last, e); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 {
		say("test.call.t.other", "fine")
		say("test.call.t.c."+secret, secret)
	}
	say("test.call.t.c.sealed", "sealed")
	seal = last
	say("test.call.t.other", "fine")
	return seal
}

func isSeal(m stream.Message) bool { return strings.HasSuffix(m.Subject, ".sealed") }

// checkErased erases the words and demands that what is kept is as it was.
func checkErased(t *testing.T, l *stream.Log) {
	t.Helper()
	seal := talk(t, l)
	if n, err := l.Erase(t.Context(), name, scope, seal-1, isSeal); n != 9 || err != nil { // the last one is not below
		t.Fatal(n, err)
	}
	if n, err := l.Erase(t.Context(), name, scope, 0, isSeal); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := l.Erase(t.Context(), name, scope, 0, isSeal); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	guard := stream.NewGuard(name, scope)
	if m, ok, err := l.Last(t.Context(), guard); err != nil || !ok || m.Sequence != seal {
		t.Fatal(m, ok, err)
	}
	var conflict *stream.Conflict
	if _, err := l.Append(t.Context(), guard, 0, event("stale")); !errors.As(err, &conflict) {
		t.Fatalf("who knows nothing of the call writes into it: %v", err)
	}
	if seq, err := l.Append(t.Context(), guard, seal, stream.Event{ID: "x", Subject: "test.call.t.c.x"}); err != nil || seq != seal+2 {
		t.Fatal(seq, err)
	}
	others := 0
	if err := l.Between(t.Context(), stream.NewGuard(name, "test.call.t.other"), 0, seal+1, func(m stream.Message) error {
		others++
		return nil
	}); err != nil || others != 11 {
		t.Fatalf("%d of 11 messages of others are left, %v", others, err)
	}
}

func TestWhatIsErasedIsInNoFile(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	l := open(t, s.Conn(t), 1)
	checkErased(t, l)
	if files := holders(t, s.StoreDir(), secret); len(files) > 0 {
		t.Errorf("it is still in %v", files)
	}
	s.Restart(t)
	if files := holders(t, s.StoreDir(), secret); len(files) > 0 {
		t.Errorf("after a restart it is in %v", files)
	}
}

func TestErasingOnACluster(t *testing.T) {
	t.Parallel()
	c := streamtest.StartCluster(t)
	checkErased(t, open(t, c.Conn(t), 3))
}

// A fold that purges leaves the words on disk, one that erases does not. Should a server ever behave otherwise, the first
// half fails, and the warning in Erase's documentation may go.
func TestWhatIsPurgedMustBeErasedBefore(t *testing.T) {
	t.Parallel()
	for _, erase := range []bool{false, true} {
		s := streamtest.Start(t)
		l := open(t, s.Conn(t), 1)
		seal := talk(t, l)
		if erase {
			if n, err := l.Erase(t.Context(), name, scope, seal, nil); n != 10 || err != nil {
				t.Fatal(n, err)
			}
		}
		if err := l.Purge(t.Context(), name, scope, seal); err != nil {
			t.Fatal(err)
		}
		if n, err := l.Erase(t.Context(), name, scope, seal, nil); n != 0 || err != nil {
			t.Fatal(n, err)
		}
		s.Restart(t)
		if files := holders(t, s.StoreDir(), secret); (len(files) == 0) != erase {
			t.Errorf("erased first: %v, it is in %v", erase, files)
		}
	}
}

// What was purged goes when its file is not the newest any more, is dead for more than half, and the server looks.
func TestWhatWasPurgedGoesOnceItsFileIsFull(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t, streamtest.SyncInterval(500*time.Millisecond))
	l := openBatches(t, s.Conn(t), 1)
	seal := talk(t, l)
	if err := l.Purge(t.Context(), name, scope, seal); err != nil {
		t.Fatal(err)
	}
	filling := writesTo(9, "filling")
	for n := range filling {
		filling[n].Event.Data = make([]byte, 1000<<10)
	}
	sequences, err := l.AppendAll(t.Context(), name, filling)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Purge(t.Context(), name, "test.call.t.*", sequences[8]+1); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); len(holders(t, s.StoreDir(), secret)) > 0; {
		if time.Now().After(deadline) {
			t.Fatal("it is still there after a minute")
		}
		<-time.After(50 * time.Millisecond)
	}
	if m, ok, err := l.Last(t.Context(), stream.NewGuard(name, scope)); err != nil || !ok || m.Sequence != seal {
		t.Error(m, ok, err)
	}
}

func TestABatchLeavesNoCopy(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	l := openBatches(t, s.Conn(t), 1)
	writes := append(writesTo(20, secret), writeTo("other", 0, "fine"))
	if _, err := l.AppendAll(t.Context(), name, writes); err != nil {
		t.Fatal(err)
	}
	writes[0].Expected = 7
	if _, err := l.AppendAll(t.Context(), name, writes); err == nil {
		t.Fatal("stored twice")
	}
	others := func(m stream.Message) bool { return m.EventID == "fine" } // or the file would go as a whole
	if n, err := l.Erase(t.Context(), name, "test.call.>", 0, others); n != 20 || err != nil {
		t.Fatal(n, err)
	}
	if files := holders(t, s.StoreDir(), secret); len(files) > 0 {
		t.Errorf("it is still in %v", files)
	}
}

func TestErasingSaysWhatIsNotThere(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	l := open(t, s.Conn(t), 1)
	for _, upTo := range []uint64{0, 5} {
		if _, err := l.Erase(t.Context(), "NONE", ">", upTo, nil); !errors.Is(err, stream.ErrNoStream) {
			t.Error(err)
		}
		if n, err := l.Erase(t.Context(), name, ">", upTo, nil); n != 0 || err != nil {
			t.Error(n, err)
		}
	}
	s.Close()
	if _, err := l.Erase(within(t, requestTime/50), name, ">", 5, nil); fault.KindOf(err) != fault.Unavailable {
		t.Error(err)
	}
}
