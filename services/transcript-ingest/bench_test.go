package ingest_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/kikigaki/kikigaki/pkg/stream"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
)

// BenchmarkAppend compares an append of one utterance with what the log itself takes, and what comes of many at once.
func BenchmarkAppend(b *testing.B) {
	text := strings.Repeat("お電話ありがとうございます。", 7)
	b.Run("limit", func(b *testing.B) {
		f := newBench(b)
		g := stream.NewGuard(subject.Live, subject.LiveWords("a", "limit"))
		last := uint64(0)
		for n := 0; b.Loop(); n++ {
			var err error
			e := stream.Event{ID: fmt.Sprint(n), Subject: subject.LiveWords("a", "limit"), Data: []byte(text)}
			if last, err = f.log.Append(b.Context(), g, last, e); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("one", func(b *testing.B) {
		s := newBench(b).replica()
		for n := 0; b.Loop(); n++ {
			add(b, s, fmt.Sprint("c", n/5000), []*transcriptv1.NewUtterance{{UtteranceId: fmt.Sprint(n), Speaker: "agent", Text: text}})
		}
	})
	for _, size := range []int{1, 50} {
		b.Run(fmt.Sprintf("64 callers, %d utterances", size), func(b *testing.B) {
			s := newBench(b).replica()
			var group sync.WaitGroup
			each := b.N/64/size + 1
			b.ResetTimer()
			for c := range 64 {
				group.Go(func() {
					for n := range each {
						words := make([]*transcriptv1.NewUtterance, size)
						for i := range words {
							words[i] = &transcriptv1.NewUtterance{UtteranceId: fmt.Sprint(n, "-", i), Speaker: "agent", Text: text}
						}
						add(b, s, fmt.Sprintf("c%d-%d", c, n*size/5000), words)
					}
				})
			}
			group.Wait()
		})
	}
}
