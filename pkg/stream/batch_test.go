package stream_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
)

// openBatches makes a Log on a stream that takes batches.
func openBatches(t *testing.T, nc *nats.Conn, replicas int) *stream.Log {
	t.Helper()
	l := open(t, nc, replicas)
	d := declaration()
	d.Batches = true
	if _, _, err := l.Declare(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	return l
}

// writeTo is a write of an event under the guard of one call.
func writeTo(call string, expected uint64, id string) stream.Write {
	subject := "test.call.t." + call
	return stream.Write{
		Guard: stream.NewGuard(name, subject), Expected: expected,
		Event: stream.Event{ID: id, Subject: subject, Data: []byte(id)},
	}
}

// writeUnder is a write of an event under the guard of all events of a tenant.
func writeUnder(tenant, call string, expected uint64, id string) stream.Write {
	subject := "test.call." + tenant + "." + call
	return stream.Write{
		Guard: stream.NewGuard(name, "test.call."+tenant+".>"), Expected: expected,
		Event: stream.Event{ID: id, Subject: subject, Data: []byte(id)},
	}
}

func writesTo(calls int, id string) []stream.Write {
	writes := make([]stream.Write, 0, calls)
	for n := range calls {
		writes = append(writes, writeTo(fmt.Sprintf("c%d", n), 0, fmt.Sprintf("%s-%d", id, n)))
	}
	return writes
}

func messages(t *testing.T, l *stream.Log) uint64 {
	t.Helper()
	info, err := l.Info(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Messages
}

func checkBatches(t *testing.T, l *stream.Log) {
	t.Helper()
	writes := writesTo(stream.MaxBatch, "e")
	sequences, err := l.AppendAll(t.Context(), name, writes)
	if err != nil || len(sequences) != len(writes) {
		t.Fatal(len(sequences), err)
	}
	for _, n := range []int{0, 1, len(writes) - 1} {
		m, ok, err := l.At(t.Context(), name, sequences[n])
		if err != nil || !ok || m.EventID != writes[n].Event.ID || m.Subject != writes[n].Event.Subject {
			t.Fatalf("write %d: %+v %v %v", n, m, ok, err)
		}
	}
	// The guards have moved, each to its own message.
	next := []stream.Write{writeTo("c0", sequences[0], "x"), writeTo("c1", sequences[1], "y"), writeTo("new", 0, "z")}
	if _, err := l.AppendAll(t.Context(), name, next); err != nil {
		t.Fatal(err)
	}
}

func TestABatchIsStoredAsAWholeInOrder(t *testing.T) {
	t.Parallel()
	checkBatches(t, openBatches(t, streamtest.Start(t).Conn(t), 1))
}

func TestABatchThatConflictsStoresNothingAndNamesTheGuard(t *testing.T) {
	t.Parallel()
	l := openBatches(t, streamtest.Start(t).Conn(t), 1)
	if _, err := l.AppendAll(t.Context(), name, []stream.Write{writeTo("a", 0, "a1"), writeTo("b", 0, "b1")}); err != nil {
		t.Fatal(err)
	}
	for at := range 5 {
		writes := writesTo(5, "e")
		writes[at] = writeTo("b", 1, "late") // b is at 2
		_, err := l.AppendAll(t.Context(), name, writes)
		conflict, lost := errors.AsType[*stream.Conflict](err)
		if !lost || conflict.InFlight || conflict.Guard != writes[at].Guard {
			t.Fatalf("refused at %d: %v", at, err)
		}
		if n := messages(t, l); n != 2 {
			t.Fatalf("a refused batch left %d messages", n-2)
		}
	}
	// What it should have moved to is erased: nobody can say who it was.
	_, err := l.AppendAll(t.Context(), name, []stream.Write{writeTo("a", 1, "a2"), writeTo("none", 7, "n")})
	conflict, lost := errors.AsType[*stream.Conflict](err)
	if !lost || conflict.Guard != (stream.Guard{}) || !strings.Contains(err.Error(), "of the batch") {
		t.Fatal(err)
	}
}

func TestABatchOfOneIsASingleWrite(t *testing.T) {
	t.Parallel()
	l := open(t, streamtest.Start(t).Conn(t), 1) // which takes no batches
	if got, err := l.AppendAll(t.Context(), name, writesTo(1, "e")); err != nil || !slices.Equal(got, []uint64{1}) {
		t.Fatal(got, err)
	}
	if got, err := l.AppendAll(t.Context(), name, nil); err != nil || len(got) != 0 {
		t.Fatal(got, err)
	}
	if _, err := l.AppendAll(t.Context(), name, writesTo(2, "e")); fault.KindOf(err) != fault.Internal || messages(t, l) != 1 {
		t.Fatal(err)
	}
}

func TestABatchThatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	l := openBatches(t, streamtest.Start(t).Conn(t), 1)
	elsewhere := writeTo("b", 0, "2")
	elsewhere.Guard = stream.NewGuard("OTHER", "other.b")
	for what, writes := range map[string][]stream.Write{
		"one guard twice": {writeTo("a", 0, "1"), writeTo("a", 0, "2")},
		"two sequences":   {writeUnder("r", "a", 0, "1"), writeUnder("r", "b", 1, "2")},
		"another stream":  {writeTo("a", 0, "1"), elsewhere},
		"too many":        writesTo(stream.MaxBatch+1, "e"),
	} {
		if _, err := l.AppendAll(t.Context(), name, writes); err == nil || messages(t, l) != 0 {
			t.Errorf("%s: %v", what, err)
		}
	}
	large := writeTo("b", 0, "2")
	large.Event.Data = make([]byte, 2<<20)
	for _, writes := range [][]stream.Write{{writeTo("a", 0, "1"), large}, {large, writeTo("a", 0, "1")}} {
		if _, err := l.AppendAll(t.Context(), name, writes); fault.KindOf(err) != fault.TooLarge {
			t.Error(err)
		}
	}
	if n := messages(t, l); n != 0 {
		t.Errorf("%d messages", n)
	}
}

// A window of bytes is staged at a time: what is larger than the server's inbox arrives whole.
func TestALargeBatchArrivesWhole(t *testing.T) {
	t.Parallel()
	l := openBatches(t, streamtest.Start(t).Conn(t), 1)
	small := declaration()
	small.Batches, small.MaxBytes = true, 16<<20
	if _, _, err := l.Declare(t.Context(), small); err != nil {
		t.Fatal(err)
	}
	writes := writesTo(12, "e")
	for n := range writes {
		writes[n].Event.Data = make([]byte, 1000<<10)
	}
	if got, err := l.AppendAll(t.Context(), name, writes); err != nil || len(got) != 12 {
		t.Fatal(got, err)
	}
	// Now these are too many bytes for the stream: refused as a whole.
	for n := range writes {
		writes[n].Expected = uint64(n + 1)
	}
	_, err := l.AppendAll(t.Context(), name, writes)
	if fault.KindOf(err) != fault.Unavailable || errors.Is(err, stream.ErrUnknown) || messages(t, l) != 12 {
		t.Fatalf("%v (%v)", err, fault.KindOf(err))
	}
}

func TestABatchWithoutAServerIsSurelyNotStored(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	nc := s.Conn(t)
	l := openBatches(t, nc, 1)
	s.Drop(t, name)
	start := time.Now()
	_, err := l.AppendAll(t.Context(), name, writesTo(3, "e"))
	if fault.KindOf(err) != fault.Unavailable || errors.Is(err, stream.ErrUnknown) {
		t.Fatalf("%v after %v", err, time.Since(start))
	}
}

// A server takes only so many at a time. Whoever is one too many knows for sure that nothing of it was stored.
func TestBatchesBeyondTheServersLimitAreSurelyNotStored(t *testing.T) {
	t.Parallel()
	l := openBatches(t, streamtest.Start(t).Conn(t), 1)
	var group sync.WaitGroup
	var stored, refused atomic.Int64
	for n := range 80 {
		group.Go(func() {
			writes := []stream.Write{writeTo(fmt.Sprint("a", n), 0, "1"), writeTo(fmt.Sprint("b", n), 0, "2")}
			_, err := l.AppendAll(t.Context(), name, writes)
			switch {
			case err == nil:
				stored.Add(2)
			case fault.KindOf(err) != fault.Unavailable || errors.Is(err, stream.ErrUnknown):
				t.Error(err)
			default:
				refused.Add(1)
			}
		})
	}
	group.Wait()
	if n := messages(t, l); n != uint64(stored.Load()) {
		t.Errorf("%d messages, acknowledged were %d", n, stored.Load())
	}
	t.Log(refused.Load(), "refused")
}

func TestADeclarationAddsAndTakesBatches(t *testing.T) {
	t.Parallel()
	l := openBatches(t, streamtest.Start(t).Conn(t), 1)
	if _, err := l.AppendAll(t.Context(), name, writesTo(2, "e")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Declare(t.Context(), declaration()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.AppendAll(t.Context(), name, []stream.Write{writeTo("y", 0, "1"), writeTo("z", 0, "2")}); err == nil {
		t.Fatal("a stream that is declared without batches takes one")
	}
}
