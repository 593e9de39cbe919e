package broker_test

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

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

// Processes that start together declare together: whoever is first makes a stream, and nobody takes the half-made log
// of a neighbour for one that was lost.
func TestManyDeclareAtOnce(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func() (*stream.Log, error){
		"one server": func() (*stream.Log, error) { return stream.Open(streamtest.Start(t).Conn(t), stream.Config{}) },
		"three servers": func() (*stream.Log, error) {
			return stream.Open(streamtest.StartCluster(t).Conn(t), stream.Config{Replicas: 3})
		},
	} {
		log, err := open()
		if err != nil {
			t.Fatal(err)
		}
		errs := make(chan error, 14)
		for range cap(errs) {
			go func() {
				<-time.After(rand.N(30 * time.Millisecond)) // as processes come: not quite together
				errs <- broker.Declare(t.Context(), log, nil)
			}()
		}
		for range cap(errs) {
			if err := <-errs; err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if info, err := log.Info(t.Context(), subject.Settings); err != nil || info.Messages != 1 {
			t.Errorf("%s: settings are %+v, %v", name, info, err)
		}
	}
}
