package ingest_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"
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

// BenchmarkStream is what an utterance costs that comes on a stream which speaks of 20 calls, publisher, transport and log
// in one process: cpu-ns/op is processor time, which other programs disturb less than the time it takes.
func BenchmarkStream(b *testing.B) {
	f := newBench(b)
	to := dial(b, f.listen(f.replica()))
	request := transcriptv1.StreamUtterancesRequest{Append: &transcriptv1.AppendUtterancesRequest{
		Utterances: []*transcriptv1.NewUtterance{{Speaker: "agent", Text: strings.Repeat("お電話ありがとうございます。", 7)}},
	}}
	flow := to.open(b, "a:account-2:edit")
	slots := make(chan struct{}, 2000)
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	b.ResetTimer()
	go func() {
		for n := range b.N {
			slots <- struct{}{}
			request.Append.CallId = fmt.Sprintf("c%d-%d", n%20, n/20/5000)
			request.Append.Utterances[0].UtteranceId = fmt.Sprint(n)
			if flow.Send(&request) != nil {
				return
			}
		}
		_ = flow.CloseSend()
	}()
	for told := uint64(0); ; {
		res, err := flow.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || len(res.GetRefused()) > 0 {
			b.Fatal(err, res)
		}
		for ; told < res.GetAcknowledged(); told++ {
			<-slots
		}
	}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	cpu := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(cpu)/float64(b.N), "cpu-ns/op")
}
