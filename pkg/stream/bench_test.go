package stream_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
)

// What a write costs by itself and in a batch, on one server that syncs before it answers: ns/op is for one call, the
// other figure for one event.
func BenchmarkAppendAll(b *testing.B) {
	for _, size := range []int{1, 2, 10, 100, 500, 1000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			l, err := stream.Open(streamtest.Start(b).Conn(b), stream.Config{})
			if err != nil {
				b.Fatal(err)
			}
			d := stream.Declaration{Name: name, Subjects: []string{"test.call.>"}, MaxBytes: 8 << 30, Batches: true}
			if _, _, err := l.Declare(context.Background(), d); err != nil {
				b.Fatal(err)
			}
			data := make([]byte, 400)
			n := 0
			for b.Loop() {
				writes := make([]stream.Write, 0, size)
				for i := range size {
					w := writeTo(fmt.Sprintf("%d-%d", n, i), 0, "e")
					w.Event.Data = data
					writes = append(writes, w)
				}
				n++
				if _, err := l.AppendAll(b.Context(), name, writes); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n*size), "µs/event")
		})
	}
}
