package ingest

import (
	"fmt"
	"os"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

// BenchmarkIndexing is what the index costs a call at its fold.
func BenchmarkIndexing(b *testing.B) {
	all := realCalls(b)
	text, utterances, signatures := 0, 0, 0
	for b.Loop() {
		text, utterances, signatures = 0, 0, 0
		for _, d := range all {
			var texts []string
			for _, u := range d.Utterances {
				texts, text = append(texts, foldText(u.Text)), text+len(u.Text)
			}
			signatures, utterances = signatures+len(signatureOf(texts)), utterances+len(d.Utterances)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*utterances), "ns/utterance")
	b.ReportMetric(float64(signatures)/float64(text), "index-bytes/text-byte")
}

// BenchmarkSearching looks for words in 100,000 finished calls, and in as many pages as it takes.
func BenchmarkSearching(b *testing.B) {
	all := realCalls(b)
	short := all[:0]
	for _, d := range all {
		if len(d.Utterances) < 60 {
			short = append(short, d)
		}
	}
	s := newShelf(b)
	const calls = 100_000
	began := time.Now()
	for i := 0; i < calls; {
		var m []stream.Message
		for ; len(m) < 900; i++ {
			d := short[i%len(short)]
			call := fmt.Sprintf("%s-%06d", d.ID, i)
			m = append(m, s.open(call, i, &eventv1.CallInfo{Label: call, Queue: fmt.Sprint("queue ", i%50)}), s.end(call))
			entries := entriesFrom(d)
			if i == 77 {
				entries = append(entries, &eventv1.Entry{UtteranceId: "rare", Text: "一期一会"})
			}
			m = append(m, s.part(call, 1, 1, entries))
			delete(s.calls, call)
		}
		s.apply(m...)
	}
	b.Logf("%d calls in %v", calls, time.Since(began))
	if info, err := os.Stat(s.view.Path()); err == nil {
		b.Logf("view %d MB", info.Size()>>20)
	}
	for name, f := range map[string]*transcriptv1.CallFilter{
		"all": {}, "often": {Query: "ホテル"}, "once": {Query: "一期一会"}, "never": {Query: "無窮花xyz"}, "queue": {Queue: "queue 7"},
	} {
		b.Run(name, func(b *testing.B) {
			var first time.Duration
			found, pages := 0, 0
			for b.Loop() {
				at := time.Now()
				filter, err := newFilter(proto.CloneOf(f))
				if err != nil {
					b.Fatal(err)
				}
				err = s.view.Read(func(tx *view.Tx) error {
					return filter.page(tx, "a", nil, 50, usualReach(), &transcriptv1.ListCallsResponse{})
				})
				if err != nil {
					b.Fatal(err)
				}
				first += time.Since(at)
				if name == "once" || name == "never" {
					got, n := s.list(f, 200, usualReach())
					found, pages = len(got), n
				}
			}
			b.ReportMetric(float64(first.Microseconds())/float64(b.N), "µs/page")
			b.ReportMetric(float64(found), "found")
			b.ReportMetric(float64(pages), "pages")
		})
	}
}
