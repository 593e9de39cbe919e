package broker

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

const (
	// lowTime and usualTime are between two looks at the disk, while it is short of room and otherwise.
	lowTime, usualTime = 250 * time.Millisecond, time.Second
	// freshFor is how long a look is good for who asks whether there is room: a disk that filled up is noticed by then.
	freshFor = 50 * time.Millisecond
	// healEvery is the least time between two restarts of a server that cannot write.
	healEvery = 3 * time.Second
	// layEvery is the least time between two tries to lay a ballast that cannot be laid.
	layEvery = 10 * time.Second
	// healTimeout bounds one of them.
	healTimeout = 30 * time.Second
	// fullRetry is what those who are refused are told to wait.
	fullRetry = 5 * time.Second
)

// disk is what the filesystem of the data directory says, in bytes.
type disk struct{ free, total uint64 }

// marks are levels of free room, in bytes. What is free is counted without the ballast, whether that lies there or not.
type marks struct {
	low     uint64 // below it nothing is taken in
	high    uint64 // from it on it is again; above low, so that one message does not switch back and forth
	ballast uint64 // size of the ballast
}

// marksOf are those of a disk. By default 2 % of it are to stay free, at least 256 MiB and at most 2 GiB, but never more
// than a tenth. That is for what has to be written all the same: tombstones, compaction, views, an orderly stop.
func marksOf(total, minFree uint64) marks {
	low := minFree
	if low == 0 {
		low = min(max(256*mebibyte, total/50), 2*gibibyte, total/10)
	}
	return marks{low: low, high: low + low/4, ballast: min(16*mebibyte, total/20)}
}

// situation is what the decisions about room are made from.
type situation struct {
	full    bool      // nothing is taken in
	ballast bool      // the ballast lies on the disk
	healed  time.Time // when the server was last restarted, or that was tried
	unlaid  time.Time // when laying the ballast last failed
}

// look updates the situation after the disk was looked at, and tells what is left when the ballast is set aside.
func (s *situation) look(m marks, d disk) (spare uint64) {
	spare = d.free
	if !s.ballast {
		spare -= min(spare, m.ballast)
	}
	switch {
	case spare < m.low:
		s.full = true
	case spare >= m.high:
		s.full = false
	}
	return spare
}

// step is what is to be done about a disk.
type step string

// Steps.
const (
	stepNone    step = ""
	stepRelease step = "release the ballast" // the server needs its room to stop in order
	stepLay     step = "lay the ballast"
	stepRestart step = "restart the server" // it cannot write until then
)

// decide tells what to do next. Stuck is a server that met a disk without room: it writes nothing more until it is
// restarted, and restarting it before there is room would only make it stuck again.
func (s *situation) decide(m marks, d disk, stuck bool, now time.Time) step {
	spare := s.look(m, d)
	switch {
	case s.ballast && s.full && (stuck || d.free < m.ballast/4):
		return stepRelease
	case stuck && !s.full && now.Sub(s.healed) >= healEvery:
		s.healed = now
		return stepRestart
	case !s.ballast && !stuck && spare >= m.high && now.Sub(s.unlaid) >= layEvery:
		return stepLay
	}
	return stepNone
}

// space watches the disk that the log lies on.
type space struct {
	log     *slog.Logger
	minFree uint64
	measure func() (disk, error)
	stuck   func() bool
	ballast func(size uint64) error // 0 takes it away
	restart func(ctx context.Context) error
	wake    chan struct{} // has one when the server has just become stuck

	mu     sync.Mutex
	now    situation
	marks  marks
	seen   time.Time // the last look
	failed bool      // it failed, and that was told
}

// room is nil, or why nothing may be taken in.
func (s *space) room() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.seen) >= freshFor {
		if d, ok := s.look(); ok {
			full := s.now.full
			s.now.look(s.marks, d)
			s.tell(full, d)
		}
	}
	if !s.now.full && !s.stuck() {
		return nil
	}
	return fault.New(fault.Unavailable, "STORAGE_FULL", fault.RetryIn(fullRetry))
}

// look asks the filesystem. A failure changes nothing: the last look stays good.
func (s *space) look() (disk, bool) {
	d, err := s.measure()
	s.seen = time.Now()
	if err != nil {
		if !s.failed {
			s.log.Error("cannot tell how much room the disk has", slog.Any("error", err))
		}
		s.failed = true
		return d, false
	}
	s.failed = false
	s.marks = marksOf(d.total, s.minFree)
	return d, true
}

func (s *space) tell(before bool, d disk) {
	switch {
	case s.now.full && !before:
		s.log.Error("the disk is running full, nothing more is taken in",
			slog.Uint64("free", d.free), slog.Uint64("wanted", s.marks.low))
	case !s.now.full && before:
		s.log.Info("the disk has room again", slog.Uint64("free", d.free))
	}
}

// watch looks at the disk and does what is to be done, until the context ends.
func (s *space) watch(ctx context.Context) {
	for ctx.Err() == nil {
		wait := s.once(ctx)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-s.wake:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// once looks, does the next step, and tells when to look again.
func (s *space) once(ctx context.Context) time.Duration {
	s.mu.Lock()
	stuck, next := s.stuck(), stepNone
	if d, ok := s.look(); ok {
		full := s.now.full
		next = s.now.decide(s.marks, d, stuck, time.Now())
		s.tell(full, d)
	}
	full, size := s.now.full, s.marks.ballast
	s.mu.Unlock()
	if err := s.do(ctx, next, size); err != nil && ctx.Err() == nil {
		s.log.ErrorContext(ctx, "watching the disk", slog.String("step", string(next)), slog.Any("error", err))
	}
	if full || stuck {
		return lowTime
	}
	return usualTime
}

// do takes a step.
func (s *space) do(ctx context.Context, next step, size uint64) error {
	switch next {
	case stepRelease:
		return s.setBallast(0)
	case stepLay:
		return s.setBallast(size)
	case stepRestart:
		ctx, cancel := context.WithTimeout(ctx, healTimeout)
		defer cancel()
		return s.restart(ctx)
	case stepNone:
	}
	return nil
}

// setBallast lays the ballast or takes it away. What is counted with is set first, so that nobody who asks in between
// finds its room missing twice, or takes it for free.
func (s *space) setBallast(size uint64) error {
	s.mu.Lock()
	s.now.ballast = size > 0
	s.mu.Unlock()
	err := s.ballast(size)
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.now.ballast, s.now.unlaid = size == 0, time.Now()
	}
	return err
}
