package stream_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
)

// raceBatches lets, round by round, a single write and a batch that contains the same guard both expect what lies under
// it, and a second batch as well. At most one may believe it won, and what is stored is what it wrote.
func raceBatches(t *testing.T, logs []*stream.Log, rounds int) {
	t.Helper()
	wins := map[string]int{}
	for r := range rounds {
		shared := fmt.Sprintf("r%d", r)
		var group sync.WaitGroup
		start := make(chan struct{})
		won := make(chan string, 3)
		try := func(who string, writes ...stream.Write) {
			group.Go(func() {
				<-start
				if len(writes) == 1 { // a batch asks the server twice: sometimes let it be first
					look(t, logs[0], shared, r%5)
				}
				_, err := logs[len(writes)%len(logs)].AppendAll(t.Context(), name, writes)
				if err == nil {
					won <- who
				} else if _, lost := errors.AsType[*stream.Conflict](err); !lost {
					t.Errorf("round %d, %s: %v", r, who, err)
				}
			})
		}
		try("single", writeTo(shared, 0, "single"))
		try("first", writeTo(shared+"-a", 0, "first"), writeTo(shared, 0, "first"))
		try("second", writeTo(shared+"-b", 0, "second"), writeTo(shared, 0, "second"), writeTo(shared+"-c", 0, "second"))
		close(start)
		group.Wait()
		close(won)
		var who []string
		for w := range won {
			who, wins[w] = append(who, w), wins[w]+1
		}
		if len(who) != 1 {
			t.Fatalf("round %d was won by %v", r, who)
		}
		checkRound(t, logs[0], shared, who[0])
	}
	t.Log(wins)
}

// look asks for nothing, some times over.
func look(t *testing.T, l *stream.Log, shared string, times int) {
	t.Helper()
	for range times {
		if _, _, err := l.Last(t.Context(), stream.NewGuard(name, "test.call.t."+shared+"-none")); err != nil {
			t.Error(err)
		}
	}
}

// checkRound reads what a round has stored: all that the winner wrote, and nothing of the others.
func checkRound(t *testing.T, l *stream.Log, shared, winner string) {
	t.Helper()
	stored := map[string]int{}
	for _, call := range []string{shared, shared + "-a", shared + "-b", shared + "-c"} {
		err := l.Between(t.Context(), stream.NewGuard(name, "test.call.t."+call), 0, 1<<62, func(m stream.Message) error {
			stored[m.EventID]++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if want := map[string]int{"single": 1, "first": 2, "second": 3}[winner]; len(stored) != 1 || stored[winner] != want {
		t.Fatalf("%s was won by %s, stored %v", shared, winner, stored)
	}
}

func TestOfASingleWriteAndBatchesOneWinsOnOneServer(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	logs := []*stream.Log{openBatches(t, s.Conn(t), 1), openBatches(t, s.Conn(t), 1)}
	raceBatches(t, logs, 150)
	raceUnderOneGuard(t, logs, 100)
}

// raceUnderOneGuard lets, round by round, two batches and a single write go under one guard, all expecting what lies there:
// one is stored, whole.
func raceUnderOneGuard(t *testing.T, logs []*stream.Log, rounds int) {
	t.Helper()
	for r := range rounds {
		tenant := fmt.Sprintf("u%d", r)
		var group sync.WaitGroup
		won := make(chan string, 3)
		for n, who := range []string{"first", "second", "single"} {
			writes := []stream.Write{writeUnder(tenant, who+"-a", 0, who), writeUnder(tenant, who+"-b", 0, who), writeUnder(tenant, who+"-c", 0, who)}
			if who == "single" {
				writes = writes[:1]
			}
			group.Go(func() {
				_, err := logs[n%len(logs)].AppendAll(t.Context(), name, writes)
				if err == nil {
					won <- who
				} else if _, lost := errors.AsType[*stream.Conflict](err); !lost {
					t.Errorf("round %d, %s: %v", r, who, err)
				}
			})
		}
		group.Wait()
		close(won)
		var who []string
		for w := range won {
			who = append(who, w)
		}
		stored := map[string]int{}
		next := writeUnder(tenant, "next", 0, "next")
		err := logs[0].Between(t.Context(), next.Guard, 0, 1<<62, func(m stream.Message) error {
			stored[m.EventID]++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(who) != 1 || len(stored) != 1 || stored[who[0]] != map[string]int{"single": 1, "first": 3, "second": 3}[who[0]] {
			t.Fatalf("round %d was won by %v, stored %v", r, who, stored)
		}
		_, err = logs[r%len(logs)].Commit(t.Context(), next.Guard, "next", func(context.Context, uint64) (*stream.Event, error) {
			return &next.Event, nil
		})
		if err != nil {
			t.Fatalf("round %d: nothing goes under the guard any more: %v", r, err)
		}
	}
}

func TestBatchesOnACluster(t *testing.T) {
	t.Parallel()
	c := streamtest.StartCluster(t)
	logs := []*stream.Log{openBatches(t, c.ConnTo(t, 0), 3), openBatches(t, c.ConnTo(t, 1), 3), openBatches(t, c.ConnTo(t, 2), 3)}
	raceBatches(t, logs, 50)
	raceUnderOneGuard(t, logs, 50)
	checkBatches(t, logs[0])
	leader := c.WaitLeader(t, name)
	c.StopNode(t, leader)
	c.WaitLeader(t, name)
	checkAfterTheLeader(t, logs[(leader+1)%3])
}

// checkAfterTheLeader writes a batch as soon as there is a leader again; what comes before is refused or unknown.
func checkAfterTheLeader(t *testing.T, l *stream.Log) {
	t.Helper()
	for try := range 100 {
		writes := []stream.Write{writeTo(fmt.Sprintf("l%d", try), 0, "1"), writeTo(fmt.Sprintf("m%d", try), 0, "2")}
		got, err := l.AppendAll(within(t, requestTime), name, writes)
		if err == nil {
			if m, ok, err := l.At(t.Context(), name, got[1]); err != nil || !ok || m.EventID != "2" {
				t.Fatal(m, ok, err)
			}
			return
		}
	}
	t.Fatal("no batch is stored after the leader stopped")
}
