package story_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/story/history"
)

// settled is how long a process that is ready again is left in peace before the next one is stopped, so that others find
// it again: what a platform calls the seconds that a pod must have been ready.
const settled = 700 * time.Millisecond

// Everything is restarted in order, one process after the other, as an update does it; over three servers the one that
// leads the history of calls is killed in between. People and publishers go on meanwhile.
func TestNothingIsLostWhenEverythingIsRestartedInTurn(t *testing.T) {
	everyWay(t, nothingIsLostWhenEverythingIsRestartedInTurn, clustered)
}

func nothingIsLostWhenEverythingIsRestartedInTurn(s stage) {
	t, way := s.t, s.way
	w := way.newWorld(t)
	w.start()
	c := begin(t, w, 4)
	for _, r := range w.replicas {
		time.Sleep(settled)
		c.fault(history.Stop, r.name, r.restart)
	}
	if way == clustered {
		w.killLeader(c)
		for _, s := range w.servers.nodes {
			c.fault(history.Stop, s.name, func() { w.restartServer(s, os.Interrupt) })
		}
	}
	time.Sleep(200 * time.Millisecond)
	report := c.end()
	if n := report.Counts; n.SaidAcknowledged < len(w.replicas) || n.AskedAcknowledged == 0 || n.Heard == 0 {
		t.Errorf("little has happened: %+v", n)
	}
	t.Logf("longest time without an acknowledged write: %s", report.Gap.Lasted())
}

// restart stops a process in order and starts it again.
func (r *replica) restart() {
	r.t.Helper()
	r.interrupt()
	r.awaitEnd()
	r.spawn()
	r.awaitReady()
}

// killLeader kills the server that leads the history of calls.
func (w *world) killLeader(c *campaign) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	leader, err := w.servers.leader(ctx, subject.Calls)
	if err != nil {
		w.t.Fatal(err)
	}
	c.fault(history.Leader, leader.name, func() { w.restartServer(leader, os.Kill) })
}

// restartServer ends a server of the log and starts it again when the others have gone on without it for a while.
func (w *world) restartServer(s *server, how os.Signal) {
	w.t.Helper()
	s.end(how)
	if len(w.servers.nodes) > 1 {
		time.Sleep(time.Second)
	}
	if err := s.start(); err != nil {
		w.t.Fatal(err)
	}
	w.servers.awaitInStep()
	for _, r := range w.replicas {
		r.awaitReady()
	}
}
