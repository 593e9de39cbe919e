package story_test

import (
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/services/story/disk"
	"github.com/kikigaki/kikigaki/services/story/history"
)

// Power cuts at random moments of the path: everything stops at once, and only what had reached the disk is there when
// it comes back, under another boot of the machine.
func TestNothingAcknowledgedIsLostWhenThePowerIsCut(t *testing.T) {
	everyWay(t, nothingAcknowledgedIsLostWhenThePowerIsCut)
}

func nothingAcknowledgedIsLostWhenThePowerIsCut(s stage) {
	t, way := s.t, s.way
	if err := disk.Available(); err != nil {
		t.Skipf("the power cannot be cut here: %v", err)
	}
	d, err := disk.New(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	w := way.newWorldIn(t, filepath.Join(d.Path(), "data"))
	w.boot(d)
	w.start()
	c := begin(t, w, 4)
	for range times() {
		time.Sleep(time.Duration(100+rand.IntN(600)) * time.Millisecond)
		c.fault(history.Cut, "power", func() { w.cut(d) })
	}
	time.Sleep(200 * time.Millisecond)
	report := c.end()
	if faults := report.Faults[history.Cut]; faults == nil || faults.Times != times() {
		t.Errorf("the power was not cut %d times: %v", times(), faults)
	}
	if n := report.Counts; n.SaidAcknowledged < times() || n.AskedAcknowledged == 0 {
		t.Errorf("little has happened: %+v", n)
	}
}

// boot makes programs that are started from now on find themselves in the present boot of the machine.
func (w *world) boot(d *disk.Disk) {
	for _, r := range w.replicas {
		r.prefix = d.Boot()
	}
}

// cut kills everything, takes what had not reached the disk, and starts it again.
func (w *world) cut(d *disk.Disk) {
	w.t.Helper()
	for _, r := range w.replicas {
		r.kill()
	}
	if w.servers != nil {
		for _, s := range w.servers.nodes {
			s.kill()
		}
	}
	if err := d.Cut(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.boot(d)
	if w.servers != nil {
		for _, s := range w.servers.nodes {
			if err := s.start(); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	w.start()
}
