package story_test

import (
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/services/story/history"
)

// times is how often something is done to the system.
func times() int {
	if whole() {
		return 50
	}
	return 10
}

// Kills at random moments of the path, of any process there is, while words come in, calls end and analyses run.
func TestNothingAcknowledgedIsLostWhenItIsKilled(t *testing.T) {
	everyWay(t, nothingAcknowledgedIsLostWhenItIsKilled, apart)
}

func nothingAcknowledgedIsLostWhenItIsKilled(s stage) {
	t, way := s.t, s.way
	w := way.newWorld(t)
	w.start()
	c := begin(t, w, 4)
	for range times() {
		time.Sleep(time.Duration(50+rand.IntN(450)) * time.Millisecond)
		w.killAny(c)
	}
	time.Sleep(200 * time.Millisecond)
	report := c.end()
	if faults := report.Faults[history.Kill]; faults == nil || faults.Times != times() {
		t.Errorf("it was not killed %d times: %v", times(), faults)
	}
	if n := report.Counts; n.SaidAcknowledged < times() || n.AskedAcknowledged == 0 || n.Heard == 0 {
		t.Errorf("little has happened: %+v", n)
	}
}

// killAny kills one process, a server of the log included, and starts it again.
func (w *world) killAny(c *campaign) {
	n := rand.IntN(len(w.replicas) + w.serverCount())
	if n < len(w.replicas) {
		r := w.replicas[n]
		c.fault(history.Kill, r.name, func() {
			r.kill()
			r.spawn()
			r.awaitReady()
		})
		return
	}
	s := w.servers.nodes[n-len(w.replicas)]
	c.fault(history.Kill, s.name, func() { w.restartServer(s, os.Kill) })
}

func (w *world) serverCount() int {
	if w.servers == nil {
		return 0
	}
	return len(w.servers.nodes)
}
