package notify

import (
	"log/slog"
	"net/http"
	"sync"
	"testing"
)

// batch is how many outcomes come at once in the benchmark.
const batch = 100

// counting is an event stream that goes nowhere and says whenever it was told a batch.
type counting struct {
	eventStream

	told int
	done *sync.WaitGroup
}

func (c *counting) tell(list []*outcome) error {
	for _, o := range list {
		if _, err := c.w.Write(o.frame()); err != nil {
			return err
		}
		if c.told++; c.told%batch == 0 {
			c.done.Done()
		}
	}
	return nil
}

// nowhere takes what is written and keeps nothing of it.
type nowhere struct{ http.ResponseWriter }

func (nowhere) Write(b []byte) (int, error) { return len(b), nil }

// BenchmarkAThousandStreams is what it costs to bring an outcome to one of 1000 streams, but for the system's own
// writing.
func BenchmarkAThousandStreams(b *testing.B) {
	const streams = 1000
	s := New(Config{Views: b.TempDir()}, Deps{Logger: slog.New(slog.DiscardHandler)})
	var over, done sync.WaitGroup
	for range streams {
		from, _ := s.ring.enter("a", 0)
		to := &counting{eventStream: eventStream{w: nowhere{}}, done: &done}
		over.Go(func() { _ = s.along(b.Context(), from, to) })
	}
	var last uint64
	for b.Loop() {
		done.Add(streams)
		for range batch {
			last++
			s.ring.append([]*outcome{at("a", last)})
		}
		done.Wait()
	}
	s.Drain()
	over.Wait()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batch/streams, "ns/delivery")
}
