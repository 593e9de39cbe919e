package ingest_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	ingest "github.com/kikigaki/kikigaki/services/transcript-ingest"
)

// An answer does not wait for the view. The next append must know what is on the log all the same: the same words at
// once again, many times over and over many calls, are duplicates each time, on every replica.
func TestWordsSentAgainAtOnceAreDuplicates(t *testing.T) {
	t.Parallel()
	b := newBench(t, streamtest.Unsynced())
	replicas := []*ingest.Service{b.replica(), b.replica()}
	const calls, utterances, times = 8, 6, 4
	var group sync.WaitGroup
	for c := range calls {
		group.Go(func() {
			call := fmt.Sprint("c", c)
			for u := range utterances {
				word := []*transcriptv1.NewUtterance{{UtteranceId: fmt.Sprint(u), Text: fmt.Sprint("はい ", u)}}
				for n := range times {
					s := replicas[(c+n/2)%2]
					res, err := s.AppendUtterances(editor(t), &transcriptv1.AppendUtterancesRequest{CallId: call, Utterances: word})
					first := n == 0
					if err != nil || (res.GetAccepted() == 1) != first || (res.GetDuplicates() == 1) == first || res.GetRevision() != uint32(u+1) {
						t.Errorf("%s, utterance %d, time %d: %v, %v", call, u, n, res, err)
					}
				}
			}
		})
	}
	group.Wait()
	for c := range calls {
		read(t, replicas[c%2], fmt.Sprint("c", c), 0) // what the other replica wrote last is here, too
		got := receipt(t, replicas[c%2], fmt.Sprint("c", c))
		if got.GetAccepted() != utterances || got.GetDuplicates() != utterances*(times-1) || got.GetConflicting() != 0 {
			t.Errorf("c%d: %v", c, got)
		}
	}
}
