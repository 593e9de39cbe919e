package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/story/testdata/dialogues"
)

// shelf is a view that calls are put into without a log.
type shelf struct {
	t     testing.TB
	view  *view.View
	calls map[string]*shelved
	at    map[string]uint64 // last sequence of each stream
}

// shelved is what a call says, as somebody reads it who knows of no index.
type shelved struct {
	started time.Time
	details []string
	texts   map[string]string // newest by utterance, folded
}

func newShelf(t testing.TB) *shelf {
	t.Helper()
	v, err := view.Open(view.Config{Path: filepath.Join(t.TempDir(), "view.db"), Buckets: buckets(), Format: viewFormat})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	return &shelf{t: t, view: v, calls: map[string]*shelved{}, at: map[string]uint64{}}
}

func (s *shelf) message(name, at string, e proto.Message) stream.Message {
	s.t.Helper()
	data, err := proto.Marshal(e)
	if err != nil {
		s.t.Fatal(err)
	}
	s.at[name]++
	return stream.Message{Stream: name, Subject: at, Sequence: s.at[name], Time: time.Now(), Data: data}
}

// apply brings messages into the view, in one transaction.
func (s *shelf) apply(messages ...stream.Message) {
	s.t.Helper()
	err := s.view.Apply(view.Mark{Stream: "none"}, nil, func(tx *view.Tx) error {
		for _, m := range messages {
			if err := apply(tx, m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// base is when the calls of tests began.
func base() time.Time { return time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC) }

// open says that a call began, as many seconds after the base.
func (s *shelf) open(call string, second int, info *eventv1.CallInfo) stream.Message {
	info.StartedAt = timestamppb.New(base().Add(time.Duration(second) * time.Second))
	s.calls[call] = &shelved{started: info.GetStartedAt().AsTime(), details: detailTexts(info), texts: map[string]string{}}
	return s.message(subject.Calls, subject.Call("a", call, subject.KindOpened), &eventv1.CallEvent{
		CallId: call, Meta: &eventv1.Meta{At: info.GetStartedAt()},
		Kind: &eventv1.CallEvent_Opened{Opened: &eventv1.CallOpened{Info: info}},
	})
}

func (s *shelf) end(call string) stream.Message {
	at := timestamppb.New(s.calls[call].started.Add(time.Minute))
	return s.message(subject.Calls, subject.Call("a", call, subject.KindEnded), &eventv1.CallEvent{
		CallId: call, Meta: &eventv1.Meta{At: at},
		Kind: &eventv1.CallEvent_Ended{Ended: &eventv1.CallEnded{EndedAt: at}},
	})
}

func (s *shelf) said(call string, entries []*eventv1.Entry) {
	for _, e := range entries {
		s.calls[call].texts[e.GetUtteranceId()] = foldText(e.GetText())
	}
}

func (s *shelf) live(call string, entries []*eventv1.Entry) stream.Message {
	s.said(call, entries)
	return s.message(subject.Live, subject.LiveWords("a", call),
		&eventv1.LiveEvent{Kind: &eventv1.LiveEvent_Words{Words: &eventv1.Words{Entries: entries}}})
}

func (s *shelf) part(call string, number, first int, entries []*eventv1.Entry) stream.Message {
	s.said(call, entries)
	part := &eventv1.Part{Number: uint32(number), First: uint32(first), Entries: entries}
	return s.message(subject.Transcripts, subject.Part("a", call, part.GetNumber()),
		&eventv1.TranscriptEvent{Kind: &eventv1.TranscriptEvent_Part{Part: part}})
}

// list is every call that a filter lets through, page by page.
func (s *shelf) list(in *transcriptv1.CallFilter, size int, most reach) (calls []string, pages int) {
	s.t.Helper()
	f, err := newFilter(in)
	if err != nil {
		s.t.Fatal(err)
	}
	for token := ""; ; {
		out := &transcriptv1.ListCallsResponse{}
		place, err := f.place(token)
		if err == nil {
			err = s.view.Read(func(tx *view.Tx) error { return f.page(tx, "a", place, size, most, out) })
		}
		if err != nil || len(out.GetCalls()) > size {
			s.t.Fatal(len(out.GetCalls()), err)
		}
		for _, c := range out.GetCalls() {
			calls = append(calls, c.GetId())
		}
		pages++
		if token = out.GetNextPageToken(); token == "" {
			return calls, pages
		}
	}
}

// scan is the same by reading everything that was ever said.
func (s *shelf) scan(query string) (calls []string) {
	terms := termsOf(query)
	for call, c := range s.calls {
		found := 0
		for _, term := range terms {
			if slices.ContainsFunc(c.details, func(text string) bool { return begins(text, term) }) {
				found++
				continue
			}
			for _, text := range c.texts {
				if begins(text, term) {
					found++
					break
				}
			}
		}
		if found == len(terms) {
			calls = append(calls, call)
		}
	}
	slices.SortFunc(calls, func(x, y string) int {
		if d := s.calls[y].started.Compare(s.calls[x].started); d != 0 {
			return d
		}
		return strings.Compare(x, y)
	})
	return calls
}

// begins tells whether a term stands anywhere in a text but inside a word.
func begins(text, term string) bool {
	first, _ := utf8.DecodeRuneInString(term)
	before := ' '
	for i, r := range text {
		if strings.HasPrefix(text[i:], term) && (!wordly(first) || !wordly(before)) {
			return true
		}
		before = r
	}
	return false
}

// dialogue is a line of the files of real dialogues.
type dialogue struct {
	ID, Lang   string
	Utterances []struct{ Speaker, Text string }
}

// realCalls are the dialogues that the product is tried with.
func realCalls(t testing.TB) (out []dialogue) {
	t.Helper()
	names, err := dialogues.Files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !strings.HasSuffix(name.Name(), ".jsonl") || strings.Contains(name.Name(), "containers") {
			continue
		}
		data, err := dialogues.Files.ReadFile(name.Name())
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(data) {
			var d dialogue
			if err := json.Unmarshal(line, &d); err != nil {
				t.Fatal(err)
			}
			out = append(out, d)
		}
	}
	return out
}

func entriesFrom(d dialogue) (out []*eventv1.Entry) {
	for i, u := range d.Utterances {
		out = append(out, &eventv1.Entry{UtteranceId: strconv.Itoa(i), Speaker: u.Speaker, Text: u.Text})
	}
	return out
}

// fill puts real calls on a shelf: some live, some folded, some in two parts, some corrected afterwards.
func (s *shelf) fill(all []dialogue) {
	for i, d := range all {
		entries := entriesFrom(d)
		half := len(entries) / 2
		m := []stream.Message{s.open(d.ID, i/3, &eventv1.CallInfo{Label: d.ID, Labels: map[string]string{"lang": d.Lang}})}
		switch i % 4 {
		case 0:
			m = append(m, s.live(d.ID, entries))
		case 1:
			m = append(m, s.end(d.ID), s.part(d.ID, 1, 1, entries))
		case 2:
			m = append(m, s.live(d.ID, entries), s.end(d.ID), s.part(d.ID, 1, 1, entries[:half]))
		case 3:
			correction := &eventv1.Entry{UtteranceId: "0", Version: 1, Text: "訂正しました corrected"}
			m = append(m, s.end(d.ID), s.part(d.ID, 1, 1, entries[:half]), s.part(d.ID, 2, half+1, entries[half:]),
				s.part(d.ID, 3, len(entries)+1, []*eventv1.Entry{correction}))
		}
		s.apply(m...)
	}
}

// ask is a piece of something that somebody said, and now and then a second one or another case.
func ask(r *rand.Rand, all []dialogue) string {
	d := all[r.IntN(len(all))]
	var out []string
	for range 1 + r.IntN(2) {
		text := []rune(d.Utterances[r.IntN(len(d.Utterances))].Text)
		if len(text) == 0 {
			continue
		}
		from := r.IntN(len(text))
		for from > 0 && wordly(text[from-1]) {
			from--
		}
		out = append(out, string(text[from:min(len(text), from+2+r.IntN(10))]))
	}
	if r.IntN(3) == 0 {
		return strings.ToUpper(strings.Join(out, " "))
	}
	return strings.Join(out, "　")
}

func TestASearchFindsWhatWasSaidAndNothingElse(t *testing.T) {
	t.Parallel()
	all := realCalls(t)
	s := newShelf(t)
	s.fill(all)
	seed := uint64(time.Now().UnixNano())
	r, found := rand.New(rand.NewPCG(seed, 0)), 0
	t.Logf("seed %d", seed)
	queries := []string{"訂正しました", "corrected", "asdc", "ja", "no such words", "zz", "。", "[noise]", "ﾎﾃﾙ", "ＨＯＴＥＬ"}
	for range 20 {
		queries = append(queries, ask(r, all))
	}
	for _, query := range queries {
		if len(termsOf(query)) == 0 {
			continue
		}
		got, _ := s.list(&transcriptv1.CallFilter{Query: query}, maxPage, reach{work: 1 << 30, time: time.Hour})
		want := s.scan(query)
		if !slices.Equal(got, want) {
			t.Errorf("%q finds %d calls, want %d", query, len(got), len(want))
		}
		found += len(got)
	}
	t.Logf("%d calls, %d queries, %d found", len(all), len(queries), found)
}

func TestAShortReachTakesMorePagesAndFindsTheSame(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	var m []stream.Message
	for i := range 500 {
		call := fmt.Sprintf("c%03d", i)
		m = append(m, s.open(call, i, &eventv1.CallInfo{Queue: fmt.Sprint(i % 100)}), s.end(call),
			s.part(call, 1, 1, []*eventv1.Entry{{UtteranceId: "0", Text: fmt.Sprint("単語", i%50, "です")}}))
	}
	s.apply(m...)
	for _, f := range []*transcriptv1.CallFilter{{Queue: "42"}, {Query: "単語7で"}, {Query: "42"}} {
		want, one := s.list(f, 200, usualReach())
		got, many := s.list(f, 200, reach{work: 100, time: time.Hour})
		slow, each := s.list(f, 200, reach{work: 1 << 30}) // time is up at once
		if len(want) == 0 || !slices.Equal(got, want) || !slices.Equal(slow, want) || one != 1 || many < 4 || each < 400 {
			t.Errorf("%v: %d in %d pages, %d in %d, %d in %d", f, len(want), one, len(got), many, len(slow), each)
		}
	}
}

func TestEveryFilterNarrows(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	at := func(second int) *timestamppb.Timestamp {
		return timestamppb.New(base().Add(time.Duration(second) * time.Second))
	}
	s.apply(
		s.open("one", 1, &eventv1.CallInfo{
			Label: "Refund", AgentAccountId: "account-1", AgentName: "山田", AgentNumber: "201", CustomerNumber: "+81-90-1234-5678",
			Queue: "support", Direction: "inbound", Labels: map[string]string{"vip": "yes", "shop": "東京"},
		}), s.end("one"),
		s.open("two", 2, &eventv1.CallInfo{AgentName: "佐藤", Queue: "Support", Direction: "outbound", Labels: map[string]string{"vip": "no"}}),
		s.open("three", 3, &eventv1.CallInfo{}),
	)
	for _, c := range []struct {
		f    *transcriptv1.CallFilter
		want string
	}{
		{nil, "three two one"},
		{&transcriptv1.CallFilter{State: "live"}, "three two"},
		{&transcriptv1.CallFilter{State: "finished"}, "one"},
		{&transcriptv1.CallFilter{Agent: "account-1"}, "one"},
		{&transcriptv1.CallFilter{Agent: "佐藤"}, "two"},
		{&transcriptv1.CallFilter{Agent: "山田"}, ""}, // a name that an account has may be several people's
		{&transcriptv1.CallFilter{Queue: "support"}, "one"},
		{&transcriptv1.CallFilter{Direction: "outbound"}, "two"},
		{&transcriptv1.CallFilter{Number: "090-1234-5678"}, "one"},
		{&transcriptv1.CallFilter{Number: "201"}, "one"},
		{&transcriptv1.CallFilter{Labels: map[string]string{"vip": ""}}, "two one"},
		{&transcriptv1.CallFilter{Labels: map[string]string{"vip": "yes", "shop": "東京"}}, "one"},
		{&transcriptv1.CallFilter{Labels: map[string]string{"vip": "no", "shop": ""}}, ""},
		{&transcriptv1.CallFilter{StartedFrom: at(2)}, "three two"},
		{&transcriptv1.CallFilter{StartedUntil: at(2)}, "one"},
		{&transcriptv1.CallFilter{StartedFrom: at(2), StartedUntil: at(3)}, "two"},
		{&transcriptv1.CallFilter{Query: "ｒｅｆ 東京"}, "one"},
		{&transcriptv1.CallFilter{Query: "9012"}, ""}, // within what is read as one number
		{&transcriptv1.CallFilter{Query: "81901234"}, "one"},
		{&transcriptv1.CallFilter{Query: "vip", State: "live"}, "two"},
	} {
		if got, _ := s.list(c.f, 50, usualReach()); strings.Join(got, " ") != c.want {
			t.Errorf("%v: %q, want %q", c.f, got, c.want)
		}
	}
}

func TestAFilterThatCannotBeIsRefused(t *testing.T) {
	t.Parallel()
	for field, in := range map[string]*transcriptv1.CallFilter{
		"q":            {Query: strings.Repeat("x", 256)},
		"state":        {State: "open"},
		"agent":        {Agent: strings.Repeat("x", 256)},
		"direction":    {Direction: "up"},
		"number":       {Number: "alice"},
		"label":        {Labels: map[string]string{"": "x"}},
		"startedFrom":  {StartedFrom: &timestamppb.Timestamp{Seconds: -1e12}},
		"startedUntil": {StartedUntil: &timestamppb.Timestamp{Seconds: 1e12}},
	} {
		if _, err := newFilter(in); err == nil {
			t.Errorf("%s was taken", field)
		} else if f, _ := fault.As(err); f.Field != field {
			t.Errorf("%v, want field %s", err, field)
		}
	}
	a, _ := newFilter(&transcriptv1.CallFilter{Queue: "a"})
	b, _ := newFilter(&transcriptv1.CallFilter{Queue: "b"})
	token := a.token([]byte("12345678call"))
	if place, err := a.place(token); err != nil || string(place) != "12345678call" {
		t.Errorf("%q, %v", place, err)
	}
	for _, bad := range []string{token[:12], "%", "AAAA", token + "A"} {
		if place, err := a.place(bad); err == nil && string(place) == "12345678call" {
			t.Errorf("%s was taken", bad)
		}
	}
	_, err := b.place(token)
	if f, _ := fault.As(err); f == nil || f.Code != "FIELD_INVALID" || f.Field != "pageToken" {
		t.Errorf("the token of another filter: %v", err)
	}
}

// Nothing of a call can be found when it is erased, and the index holds no trace of it.
func TestAnErasedCallLeavesTheIndex(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.apply(s.open("gone", 1, &eventv1.CallInfo{Label: "Marker"}), s.end("gone"),
		s.part("gone", 1, 1, []*eventv1.Entry{{UtteranceId: "0", Text: "目印"}}))
	if got, _ := s.list(&transcriptv1.CallFilter{Query: "目印 marker"}, 9, usualReach()); len(got) != 1 {
		t.Fatalf("%q", got)
	}
	s.apply(
		s.message(subject.Calls, subject.Call("a", "gone", subject.KindErased),
			&eventv1.CallEvent{CallId: "gone", Kind: &eventv1.CallEvent_Erased{Erased: &eventv1.CallErased{}}}),
		s.message(subject.Transcripts, subject.PartsErased("a", "gone"),
			&eventv1.TranscriptEvent{Kind: &eventv1.TranscriptEvent_Erased{Erased: &eventv1.TranscriptErased{}}}))
	for _, f := range []*transcriptv1.CallFilter{nil, {Query: "目印"}, {Query: "marker"}} {
		if got, _ := s.list(f, 9, usualReach()); len(got) != 0 {
			t.Errorf("%v finds %q", f, got)
		}
	}
	_ = s.view.Read(func(tx *view.Tx) error {
		for _, bucket := range []string{indexBucket, searchBucket, openBucket, linkBucket} {
			for k := range tx.Scan(bucket, nil, nil) {
				t.Errorf("%s still has %q", bucket, k)
			}
		}
		return nil
	})
}
