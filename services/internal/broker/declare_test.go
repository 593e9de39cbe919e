package broker_test

import (
	"errors"
	"testing"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/broker"
)

// A log that is not embedded remembers on itself which streams it is made of.
func TestALogElsewhereMissesWhatItHad(t *testing.T) {
	t.Parallel()
	for _, lost := range []string{subject.Calls, subject.Settings} {
		t.Run(lost, func(t *testing.T) {
			t.Parallel()
			s := streamtest.Start(t)
			log, err := stream.Open(s.Conn(t), stream.Config{})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // declared again, nothing changes
				if err := broker.Declare(t.Context(), log, nil); err != nil {
					t.Fatal(err)
				}
			}
			if info, _ := log.Info(t.Context(), subject.Settings); info.Last != 1 {
				t.Errorf("%d settings were written", info.Last)
			}
			s.Drop(t, subject.Leases) // in memory: gone with every server
			if err := broker.Declare(t.Context(), log, nil); err != nil {
				t.Fatal(err)
			}
			s.Drop(t, lost)
			if err := broker.Declare(t.Context(), log, nil); !errors.Is(err, broker.ErrLost) {
				t.Fatalf("without %s: %v", lost, err)
			}
		})
	}
}
