package history_test

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

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/story/history"
)

// save records a history in a new folder.
func save(t *testing.T, h history.History) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "campaign")
	r, err := history.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	r.Add(h...)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestWhatWasRecordedIsLoaded(t *testing.T) {
	t.Parallel()
	dir := save(t, small())
	h, err := history.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(small(), h, cmpopts.IgnoreFields(rec{}, "At")); diff != "" {
		t.Error(diff)
	}
	if _, err := history.Open(dir); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second history in one folder: %v", err)
	}
}

// Clients record at once; what one of them has recorded is in the file before its next step, in the order of time.
func TestManyRecordAtOnceAndNothingWaitsInABuffer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r, err := history.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for n := range 8 {
		group.Go(func() {
			for k := range 100 {
				r.Add(rec{Fault: &history.Fault{Kind: fmt.Sprint(n), Hit: fmt.Sprint(k)}})
			}
		})
	}
	group.Wait()
	h, err := history.Load(dir) // not closed: as after a crash of the harness
	if err != nil || len(h) != 800 {
		t.Fatalf("%d records, %v", len(h), err)
	}
	next := map[string]int{}
	for _, one := range h {
		if one.Fault.Hit != fmt.Sprint(next[one.Fault.Kind]) {
			t.Fatalf("%+v comes before %d", *one.Fault, next[one.Fault.Kind])
		}
		next[one.Fault.Kind]++
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r.Add(rec{Fault: &history.Fault{Kind: "late"}})
	if err := r.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a record after the end: %v", err)
	}
}

func TestARecordOfNoKindEndsTheHistory(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]rec{
		"none": {}, "two": {Fault: &history.Fault{Kind: "x"}, Read: &history.Read{Call: "c"}}, "whose": {Heard: &history.Heard{}},
	} {
		dir := t.TempDir()
		r, err := history.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		r.Add(bad)
		if err := r.Close(); err == nil {
			t.Errorf("%s: the history is whole", name)
		}
		if h, err := history.Load(dir); err != nil || len(h) != 0 {
			t.Errorf("%s: %v %v", name, h, err)
		}
	}
}

func load(t *testing.T, data []byte) (history.History, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, history.Name), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return history.Load(dir)
}

func TestABrokenLineIsNamed(t *testing.T) {
	t.Parallel()
	good := `{"at":5,"fault":{"kind":"kill"}}`
	for name, line := range map[string]string{
		"empty":                "",
		"not JSON":             "kill",
		"of no kind":           `{"at":6}`,
		"of an unknown kind":   `{"at":6,"flood":{}}`,
		"of two kinds":         `{"at":6,"fault":{"kind":"kill"},"read":{"call":"c","utterances":null}}`,
		"of nobody":            `{"at":6,"heard":{"screen":""}}`,
		"with an odd field":    `{"at":6,"fault":{"kind":"kill","size":1}}`,
		"with another type":    `{"at":6,"fault":{"kind":1}}`,
		"with two records":     good + good,
		"from the past":        `{"at":4,"fault":{"kind":"kill"}}`,
		"cut off":              good[:10],
		"of zeroes, as a hole": strings.Repeat("\x00", 40),
	} {
		_, err := load(t, []byte(good+"\n"+line+"\n"+good+"\n"))
		if err == nil || !strings.Contains(err.Error(), history.Name+":2:") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := load(t, []byte(good+"\n"+good)); err == nil || !strings.Contains(err.Error(), history.Name+":2: is cut off") {
		t.Errorf("a last line without its end: %v", err)
	}
	if _, err := history.Load(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// Whatever happens to a file, it is loaded as it was, or its error names a line of it, and judging it ends.
func TestADamagedFileNamesItsLine(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile(filepath.Join(save(t, small()), history.Name))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		data := bytes.Clone(whole)
		for range rapid.IntRange(1, 3).Draw(t, "times") {
			at := rapid.IntRange(0, max(0, len(data)-1)).Draw(t, "at")
			switch rapid.IntRange(0, 2).Draw(t, "how") {
			case 0:
				data = data[:at]
			case 1:
				if len(data) > 0 {
					data[at] = rapid.Byte().Draw(t, "byte")
				}
			default:
				data = append(data[:at:at], data[min(len(data), at+rapid.IntRange(1, 200).Draw(t, "length")):]...)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, history.Name), data, 0o600); err != nil {
			t.Fatal(err)
		}
		h, err := history.Load(dir)
		if err == nil {
			_ = history.Check(h).String()
			return
		}
		var line int
		_, after, found := strings.Cut(err.Error(), history.Name+":")
		if _, scan := fmt.Sscanf(after, "%d:", &line); !found || scan != nil || line < 1 || line > bytes.Count(data, []byte("\n"))+1 {
			t.Fatalf("which line? %v", err)
		}
	})
}

func TestAnEventOfACallIsRecordedAsItIs(t *testing.T) {
	t.Parallel()
	at := time.UnixMicro(1234567)
	for kind, c := range map[string]struct {
		event *eventv1.CallEvent
		want  history.Log
	}{
		subject.KindRequested: {&eventv1.CallEvent{Kind: &eventv1.CallEvent_Requested{Requested: &eventv1.AnalysesRequested{
			Analyses: []*eventv1.RequestedAnalysis{{Id: "a"}, {Id: "b"}}, Idempotency: []byte{0xab},
		}}}, history.Log{Analyses: []string{"a", "b"}, Key: "ab"}},
		subject.KindSent: {&eventv1.CallEvent{Kind: &eventv1.CallEvent_Sent{Sent: &eventv1.RequestSent{
			AnalysisId: "a", Level: 1, Index: 2, Try: 3, OurRequestId: "r",
		}}}, history.Log{Analyses: []string{"a"}, Piece: "1/2/3", Sent: []string{"r"}}},
		subject.KindPiece: {&eventv1.CallEvent{Kind: &eventv1.CallEvent_Piece{Piece: &eventv1.PieceAnswered{
			AnalysisId: "a", Level: 1, Index: 2, Try: 3, Text: new(""),
		}}}, history.Log{Analyses: []string{"a"}, Piece: "1/2/3"}},
		subject.KindFailed: {&eventv1.CallEvent{Kind: &eventv1.CallEvent_Failed{Failed: &eventv1.AnalysisFailed{
			Outcome: &eventv1.Outcome{AnalysisId: "a", Usage: &eventv1.Usage{MaybeRequests: 2}},
		}}}, history.Log{Analyses: []string{"a"}, Maybe: 2}},
		subject.KindCancelled: {&eventv1.CallEvent{Kind: &eventv1.CallEvent_Cancelled{Cancelled: &eventv1.AnalysisCancelled{
			Outcome: &eventv1.Outcome{AnalysisId: "a"},
		}}}, history.Log{Analyses: []string{"a"}}},
	} {
		name := subject.Analysis("te.nant", "c/1", "a", kind)
		c.event.CallId = "c/1"
		c.want.Stream, c.want.Subject, c.want.Sequence, c.want.Time, c.want.EventID = subject.Calls, name, 7, 1234567, "e"
		c.want.Event, c.want.Tenant, c.want.Call = kind, "te.nant", "c/1"
		if diff := cmp.Diff(c.want, history.OfCall(subject.Calls, name, 7, at, "e", c.event)); diff != "" {
			t.Errorf("%s: %s", kind, diff)
		}
	}
	failed := &eventv1.CallEvent{Kind: &eventv1.CallEvent_Piece{Piece: &eventv1.PieceAnswered{AnalysisId: "a"}}}
	if l := history.OfCall(subject.Calls, subject.Analysis("t", "c", "a", subject.KindPiece), 1, at, "", failed); !l.Failed {
		t.Error("a piece without a text has not failed")
	}
	ended := history.OfCall(subject.Calls, subject.Call("t", "c", subject.KindEnded), 1, at, "", &eventv1.CallEvent{CallId: "c"})
	if ended.Event != subject.KindEnded || len(ended.Analyses) != 0 {
		t.Errorf("%+v", ended)
	}
}
