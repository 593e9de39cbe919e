package broker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

func TestHowMuchRoomIsKept(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ total, minFree, low, ballast uint64 }{
		"a laptop":        {512 * gibibyte, 0, 2 * gibibyte, 16 * mebibyte},
		"a small volume":  {20 * gibibyte, 0, 20 * gibibyte / 50, 16 * mebibyte},
		"a smaller one":   {5 * gibibyte, 0, 256 * mebibyte, 16 * mebibyte},
		"a tiny one":      {100 * mebibyte, 0, 10 * mebibyte, 5 * mebibyte},
		"as asked for":    {100 * gibibyte, 3, 3, 16 * mebibyte},
		"nothing at all":  {0, 0, 0, 0},
		"a server's disk": {64 << 40, 0, 2 * gibibyte, 16 * mebibyte},
	} {
		m := marksOf(tt.total, tt.minFree)
		if m.low != tt.low || m.ballast != tt.ballast || m.high != tt.low+tt.low/4 {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

func TestOneMessageDoesNotSwitchBackAndForth(t *testing.T) {
	t.Parallel()
	m, s := marks{low: 100, high: 125, ballast: 10}, situation{ballast: true}
	for i, tt := range []struct {
		free uint64
		full bool
	}{{100, false}, {99, true}, {100, true}, {124, true}, {125, false}, {124, false}, {100, false}, {0, true}, {500, false}} {
		s.look(m, disk{free: tt.free})
		if s.full != tt.full {
			t.Errorf("%d: with %d free: full %v", i, tt.free, s.full)
		}
	}
	s.ballast = false // its room is not to be given away meanwhile
	if s.look(m, disk{free: 109}); !s.full {
		t.Error("the ballast's room was given away")
	}
}

// fakeDisk is a disk in time that stands still, and the server on it.
type fakeDisk struct {
	sync.Mutex

	free     uint64
	err      error
	laid     []time.Duration
	released []time.Duration
	restarts []time.Duration
	fails    error // of laying the ballast
	broken   bool  // the server cannot write
	heals    bool  // a restart helps
	began    time.Time
}

func (d *fakeDisk) watch(t *testing.T) *space {
	t.Helper()
	d.began = time.Now()
	s := &space{
		log: slog.New(slog.DiscardHandler), wake: make(chan struct{}, 1),
		measure: func() (disk, error) {
			d.Lock()
			defer d.Unlock()
			return disk{free: d.free, total: 100 * gibibyte}, d.err
		},
		stuck: func() bool {
			d.Lock()
			defer d.Unlock()
			return d.broken
		},
		ballast: func(size uint64) error {
			d.Lock()
			defer d.Unlock()
			switch {
			case size == 0:
				d.released, d.free = append(d.released, time.Since(d.began)), d.free+16*mebibyte
			case d.fails == nil:
				d.free -= size
				fallthrough
			default:
				d.laid = append(d.laid, time.Since(d.began))
				return d.fails
			}
			return nil
		},
		restart: func(context.Context) error {
			d.Lock()
			defer d.Unlock()
			d.restarts, d.broken = append(d.restarts, time.Since(d.began)), !d.heals
			return nil
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.watch(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return s
}

// becomes changes the disk.
func (d *fakeDisk) becomes(free uint64, broken bool, err error) {
	d.Lock()
	defer d.Unlock()
	d.free, d.broken, d.err = free, broken, err
}

// done is what was done up to now.
func (d *fakeDisk) done() (laid, released, restarts int) {
	d.Lock()
	defer d.Unlock()
	return len(d.laid), len(d.released), len(d.restarts)
}

// after lets time pass, and what is to be done at its end be done.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestAStuckServerIsRestartedWhenThereIsRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDisk{free: 50 * gibibyte, heals: true}
		s := d.watch(t)
		after(10 * time.Millisecond)
		if laid, _, _ := d.done(); laid != 1 || s.room() != nil {
			t.Fatalf("ballast laid %d times, room: %v", laid, s.room())
		}
		d.becomes(0, true, nil)
		s.wake <- struct{}{}
		after(0)
		if _, released, _ := d.done(); released != 1 {
			t.Error("the server did not get the room of the ballast")
		}
		err := s.room()
		if f, _ := fault.As(err); f == nil || f.Code != "STORAGE_FULL" || f.Kind != fault.Unavailable || f.RetryAfter != fullRetry {
			t.Errorf("told %v", err)
		}
		after(time.Hour)
		if laid, released, restarts := d.done(); laid != 1 || released != 1 || restarts != 0 || s.room() == nil {
			t.Errorf("without room: laid %d, released %d, restarts %d, room: %v", laid, released, restarts, s.room())
		}
		d.becomes(50*gibibyte, true, nil)
		after(2 * lowTime)
		if _, _, restarts := d.done(); restarts != 1 || s.room() != nil {
			t.Errorf("with room: restarts %d, room: %v", restarts, s.room())
		}
		after(2 * usualTime)
		if laid, released, restarts := d.done(); laid != 2 || released != 1 || restarts != 1 {
			t.Errorf("healed: laid %d, released %d, restarts %d", laid, released, restarts)
		}
	})
}

func TestAServerThatStaysStuckIsNotRestartedAllTheTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDisk{free: 50 * gibibyte}
		s := d.watch(t)
		after(time.Second)
		d.becomes(50*gibibyte, true, nil)
		after(time.Minute)
		if _, released, restarts := d.done(); restarts < 15 || restarts > 21 || released != 0 {
			t.Errorf("in a minute: restarts %d, released %d", restarts, released)
		}
		if !fault.Is(s.room(), "STORAGE_FULL") {
			t.Error("a server that cannot write takes something in")
		}
	})
}

func TestAFullDiskIsNoticedWhoeverFillsIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDisk{free: 50 * gibibyte}
		s := d.watch(t)
		after(100 * time.Millisecond)
		if s.room() != nil {
			t.Fatal("no room")
		}
		d.becomes(gibibyte, false, nil) // by something else
		after(freshFor)
		if !fault.Is(s.room(), "STORAGE_FULL") {
			t.Errorf("not noticed after %s", freshFor)
		}
		d.becomes(50*gibibyte, false, nil)
		after(freshFor)
		if err := s.room(); err != nil {
			t.Errorf("room was not noticed: %v", err)
		}
		d.becomes(0, false, errors.New("gone"))
		after(time.Minute)
		if _, released, _ := d.done(); released != 0 || s.room() != nil {
			t.Errorf("a look that failed was believed: %v", s.room())
		}
	})
}

func TestABallastThatCannotBeLaidIsTriedNowAndThen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDisk{free: 50 * gibibyte, fails: errors.New("quota")}
		s := d.watch(t)
		after(time.Minute)
		if laid, _, _ := d.done(); laid < 5 || laid > 7 {
			t.Errorf("tried %d times in a minute", laid)
		}
		d.becomes(2*gibibyte+8*mebibyte, false, nil) // room, but for the ballast that is still missing
		after(usualTime)
		if !fault.Is(s.room(), "STORAGE_FULL") {
			t.Error("the ballast's room was given away")
		}
	})
}
