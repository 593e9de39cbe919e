package ingest

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
)

// history is what may lie on the log: three streams, each in its own order.
type history struct {
	calls, live, parts []stream.Message
	// folded are the sequences of words that may have been purged before anybody read them.
	folded map[uint64]bool
	// want are the entries of each call, as id and version, in their order.
	want map[ref][]string
	// gone are erased calls, sealed those whose live words are.
	gone, sealed map[ref]bool
}

func put1(to *[]stream.Message, name, at string, e proto.Message) stream.Message {
	data, err := proto.Marshal(e)
	if err != nil {
		panic(err) //nolint:forbidigo // a mistake in the test
	}
	m := stream.Message{Stream: name, Subject: at, Sequence: uint64(len(*to) + 1), Data: data}
	*to = append(*to, m)
	return m
}

func drawHistory(rt *rapid.T) history {
	h := history{folded: map[uint64]bool{}, want: map[ref][]string{}, gone: map[ref]bool{}, sealed: map[ref]bool{}}
	for _, r := range []ref{{"a", "c"}, {"a", "通話 1"}, {"b", "c"}} {
		h.drawCall(rt, r)
		h.drawWords(rt, r)
		h.bury(r)
	}
	return h
}

// drawCall makes what happened to a call and to its analyses.
func (h *history) drawCall(rt *rapid.T, r ref) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	n := 0
	tell := func(kind, analysis string, e *eventv1.CallEvent) {
		n++
		e.CallId, e.Meta = r.call, &eventv1.Meta{At: timestamppb.New(start.Add(time.Duration(n) * time.Second))}
		at := subject.Call(r.tenant, r.call, kind)
		if analysis != "" {
			at = subject.Analysis(r.tenant, r.call, analysis, kind)
		}
		put1(&h.calls, subject.Calls, at, e)
	}
	info := &eventv1.CallInfo{Label: "x", Labels: map[string]string{"p": "1", "q": "2", "r": "3"}}
	tell(subject.KindOpened, "", &eventv1.CallEvent{Kind: &eventv1.CallEvent_Opened{Opened: &eventv1.CallOpened{Info: info}}})
	for range rapid.IntRange(0, 4).Draw(rt, "call events") {
		switch rapid.IntRange(0, 4).Draw(rt, "kind") {
		case 0:
			later := timestamppb.New(start.Add(time.Duration(rapid.IntRange(0, 99).Draw(rt, "start")) * time.Hour))
			info := &eventv1.CallInfo{Label: "y", StartedAt: later, Links: drawLinks(rt)}
			tell(subject.KindChanged, "", &eventv1.CallEvent{Kind: &eventv1.CallEvent_Changed{Changed: &eventv1.CallChanged{Info: info}}})
		case 1:
			tell(subject.KindEnded, "", &eventv1.CallEvent{Kind: &eventv1.CallEvent_Ended{Ended: &eventv1.CallEnded{EndedAt: timestamppb.New(start)}}})
		case 2:
			h.gone[r] = true
			tell(subject.KindErased, "", &eventv1.CallEvent{Kind: &eventv1.CallEvent_Erased{Erased: &eventv1.CallErased{}}})
		case 3:
			tell(subject.KindRequested, "x", &eventv1.CallEvent{Kind: &eventv1.CallEvent_Requested{Requested: &eventv1.AnalysesRequested{
				Analyses: []*eventv1.RequestedAnalysis{{Id: "x"}, {Id: "y"}},
			}}})
		case 4:
			tell(subject.KindFailed, "x", &eventv1.CallEvent{Kind: &eventv1.CallEvent_Failed{
				Failed: &eventv1.AnalysisFailed{Outcome: &eventv1.Outcome{AnalysisId: "x"}},
			}})
		}
	}
}

func drawLinks(rt *rapid.T) (out []*eventv1.CallLink) {
	for _, call := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"d", "e", "f"}), 0, 3, rapid.ID).Draw(rt, "links") {
		out = append(out, &eventv1.CallLink{CallId: call, Relation: "leg"})
	}
	return out
}

// drawWords makes a call's words: live, then perhaps sealed, then some or all of them in parts, then late ones.
func (h *history) drawWords(rt *rapid.T, r ref) {
	var entries []*eventv1.Entry
	var sequences []uint64
	versions := map[string]uint32{}
	next := func() *eventv1.Entry {
		id := fmt.Sprint("u", rapid.IntRange(5, 13).Draw(rt, "id"))
		version, known := versions[id]
		if known {
			version += uint32(rapid.IntRange(1, 3).Draw(rt, "version"))
		}
		versions[id] = version
		h.want[r] = append(h.want[r], fmt.Sprint(id, " ", version))
		return &eventv1.Entry{UtteranceId: id, Version: version, Text: fmt.Sprint(id, " at ", version)}
	}
	at := subject.LiveWords(r.tenant, r.call)
	for range rapid.IntRange(0, 4).Draw(rt, "appends") {
		words := &eventv1.Words{}
		for range rapid.IntRange(1, 3).Draw(rt, "words") {
			words.Entries = append(words.Entries, next())
		}
		m := put1(&h.live, subject.Live, at, &eventv1.LiveEvent{Kind: &eventv1.LiveEvent_Words{Words: words}})
		entries, sequences = append(entries, words.GetEntries()...), append(sequences, m.Sequence)
	}
	if !rapid.Bool().Draw(rt, "sealed") {
		return
	}
	sealed := &eventv1.Sealed{Entries: uint32(len(entries))}
	h.sealed[r] = true
	put1(&h.live, subject.Live, at, &eventv1.LiveEvent{Kind: &eventv1.LiveEvent_Sealed{Sealed: sealed}})
	number, first := uint32(0), uint32(1)
	part := func(words []*eventv1.Entry) {
		number++
		put1(&h.parts, subject.Transcripts, subject.Part(r.tenant, r.call, number), &eventv1.TranscriptEvent{
			Kind: &eventv1.TranscriptEvent_Part{Part: &eventv1.Part{Number: number, First: first, Entries: words}},
		})
		first += uint32(len(words))
	}
	for left := entries; ; {
		if len(left) == 0 {
			break
		}
		if !rapid.Bool().Draw(rt, "another part") {
			return
		}
		n := rapid.IntRange(1, len(left)).Draw(rt, "cut")
		part(left[:n])
		left = left[n:]
	}
	for range rapid.IntRange(0, 2).Draw(rt, "late") {
		part([]*eventv1.Entry{next()})
	}
	for _, seq := range sequences {
		h.folded[seq] = true
	}
}

// bury ends the words of an erased call as an erase does.
func (h *history) bury(r ref) {
	if !h.gone[r] {
		return
	}
	if !h.sealed[r] {
		put1(&h.live, subject.Live, subject.LiveWords(r.tenant, r.call),
			&eventv1.LiveEvent{Kind: &eventv1.LiveEvent_Sealed{Sealed: &eventv1.Sealed{}}})
	}
	put1(&h.parts, subject.Transcripts, subject.PartsErased(r.tenant, r.call),
		&eventv1.TranscriptEvent{Kind: &eventv1.TranscriptEvent_Erased{Erased: &eventv1.TranscriptErased{}}})
}

// removed tells whether a message is one of those that a fold purges, or that an erase removes.
func (h *history) removed(m stream.Message) bool {
	_, tenant, rest, _ := subject.Parse(m.Subject)
	if r := (ref{tenant, rest[0]}); h.gone[r] {
		return !tombstone(m) && (m.Stream != subject.Live || !sealed(m))
	}
	return m.Stream == subject.Live && h.folded[m.Sequence]
}

// entriesIn are a call's entries as a view has them, and what the view counts.
func entriesIn(rt *rapid.T, v *view.View, r ref) (out []string, c counts) {
	err := v.Read(func(tx *view.Tx) (err error) {
		if c, err = readCounts(tx, r); err != nil {
			return err
		}
		list, err := firstEntries(tx, r, 1000)
		for _, e := range list {
			out = append(out, fmt.Sprint(e.GetUtteranceId(), " ", e.GetVersion()))
		}
		return err
	})
	if err != nil {
		rt.Fatal(err)
	}
	return out, c
}

// checkIDs looks for every utterance that a call may have: those that the view has are found with their highest version,
// and no others.
func checkIDs(rt *rapid.T, v *view.View, r ref, has []string, c counts) {
	want := map[string]uint32{}
	err := v.Read(func(tx *view.Tx) error {
		for _, entry := range has {
			var e eventv1.Entry
			_, _ = fmt.Sscan(entry, &e.UtteranceId, &e.Version)
			want[e.GetUtteranceId()] = e.GetVersion() // they come in their order
			if got := storedEntry(tx, r, &e); got.GetText() != fmt.Sprint(e.GetUtteranceId(), " at ", e.GetVersion()) {
				rt.Fatalf("%v: %s is found as %v", r, entry, got)
			}
			e.Version++
			if got := storedEntry(tx, r, &e); got != nil && !slices.Contains(has, fmt.Sprint(e.GetUtteranceId(), " ", e.GetVersion())) {
				rt.Fatalf("%v: behind %s is found %v", r, entry, got)
			}
		}
		for n := range 15 {
			id := fmt.Sprint("u", n)
			version, known := highest(tx, r, c, id)
			if there, is := want[id]; known != is || version != there {
				rt.Fatalf("%v: %s is found with version %d (%v) among %q", r, id, version, known, has)
			}
		}
		return nil
	})
	if err != nil {
		rt.Fatal(err)
	}
}

// empty takes everything out of a view, which costs less than a new one: no file has to reach the disk.
func empty(rt *rapid.T, v *view.View) {
	err := v.Apply(view.Mark{Stream: "none"}, nil, func(tx *view.Tx) error {
		for _, bucket := range buckets() {
			var keys [][]byte
			for k := range tx.Scan(bucket, nil, nil) {
				keys = append(keys, bytes.Clone(k))
			}
			for _, k := range keys {
				if err := tx.Delete(bucket, k); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		rt.Fatal(err)
	}
}

// replay applies a history to an empty view, taking the next message from the stream that pick names, and checks after
// each one that nothing reads as it will not read in the end. It returns the sums.
func (h *history) replay(rt *rapid.T, v *view.View, pick func(left [][]stream.Message) int, purged bool) string {
	empty(rt, v)
	left := [][]stream.Message{h.calls, h.live, h.parts}
	for {
		left = slices.DeleteFunc(left, func(s []stream.Message) bool { return len(s) == 0 })
		if len(left) == 0 {
			break
		}
		i := pick(left)
		m := left[i][0]
		left[i] = left[i][1:]
		if purged && h.removed(m) {
			continue
		}
		err := v.Apply(view.Mark{Stream: m.Stream, Sequence: m.Sequence}, nil, func(tx *view.Tx) error { return apply(tx, m) })
		if err != nil {
			rt.Fatal(err)
		}
		_, tenant, rest, _ := subject.Parse(m.Subject)
		if r := (ref{tenant, rest[0]}); m.Stream != subject.Calls {
			want := h.want[r]
			got, c := entriesIn(rt, v, r)
			if len(got) > len(want) || !slices.Equal(got, want[:len(got)]) || int(c.revision()) != len(got) {
				rt.Fatalf("%v: %q (counted %+v) is no beginning of %q", r, got, c, want)
			}
			checkIDs(rt, v, r, got, c)
		}
	}
	for r, want := range h.want {
		if h.gone[r] {
			want = nil
		}
		if got, _ := entriesIn(rt, v, r); !slices.Equal(got, want) {
			rt.Fatalf("%v: %q, want %q", r, got, want)
		}
	}
	if err := v.Verify(); err != nil {
		rt.Fatal(err)
	}
	all, err := v.Sums()
	if err != nil {
		rt.Fatal(err)
	}
	for name, sum := range all {
		if sum == (view.Sum{}) {
			delete(all, name) // emptied and never used are the same
		}
	}
	return fmt.Sprint(all)
}

// The streams have no common order: however they are interleaved, and whether words were purged, and calls erased, before
// they were read,
// the view comes out the same, and on the way a revision never reads as anything but what it will read for ever.
func TestEveryInterleavingGivesTheSameView(t *testing.T) {
	t.Parallel()
	v, err := view.Open(view.Config{Path: filepath.Join(t.TempDir(), "view.db"), Buckets: buckets(), Format: viewFormat})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = v.Close() }()
	rapid.Check(t, func(rt *rapid.T) {
		h := drawHistory(rt)
		inOrder := func([][]stream.Message) int { return 0 }
		backwards := func(left [][]stream.Message) int { return len(left) - 1 }
		anyhow := func(left [][]stream.Message) int { return rapid.IntRange(0, len(left)-1).Draw(rt, "stream") }
		want := h.replay(rt, v, inOrder, false)
		for _, got := range []string{
			h.replay(rt, v, anyhow, false), h.replay(rt, v, anyhow, true), h.replay(rt, v, backwards, false),
		} {
			if got != want {
				rt.Fatalf("sums\n%s, in order\n%s", got, want)
			}
		}
	})
}
