package analysis

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/telemetry"
	"github.com/kikigaki/kikigaki/pkg/view"
	"github.com/kikigaki/kikigaki/proto/subject"
)

// Causes by which a running analysis is stopped from outside.
var (
	errStopping = errors.New("analysis: the replica is stopping")
	errEnded    = errors.New("analysis: ended by somebody else")
	errLost     = errors.New("analysis: the lane belongs to another replica")
)

// callRef names a call.
type callRef struct{ tenant, call string }

// putBackTime is how long an analysis that could not be gone on with waits before the next try.
const putBackTime = time.Second

// expectedTokens is what an analysis is taken to cost before its transcript is read: turns are then even by number.
const expectedTokens = quantum

// pool runs the analyses whose turn it is on the lanes of this replica.
type pool struct {
	s      *Service
	leaser *leaser
	wake   chan struct{}

	mu      sync.Mutex
	pacer   *pacer
	running map[string]context.CancelCauseFunc
	touched map[callRef]bool // calls of which something may have become due

	unmeasured            func() // ends the gauges
	cancelLoop, endLeases context.CancelFunc
	cancelRuns            context.CancelCauseFunc
	stopping              <-chan struct{}
	loop, leasing, runs   sync.WaitGroup
}

func newPool(s *Service) *pool {
	p := &pool{
		s: s, wake: make(chan struct{}, 1), pacer: newPacer(),
		running: map[string]context.CancelCauseFunc{}, touched: map[callRef]bool{},
	}
	p.leaser = newLeaser(s.deps.Log, s.log, s.worker, p.rouse)
	return p
}

// rouse makes the pool look for work; it never blocks.
func (p *pool) rouse() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// applied learns from the log what waits and what has ended. It must not block: the view stands still meanwhile.
func (p *pool) applied(batch []stream.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range batch {
		_, tenant, rest, ok := subject.Parse(m.Subject)
		if !ok || m.Stream != subject.Calls || len(rest) != 3 {
			continue
		}
		call, analysis, kind := rest[0], rest[1], rest[2]
		switch kind {
		case subject.KindCompleted, subject.KindFailed, subject.KindCancelled:
			p.forget(analysis)
			p.touched[callRef{tenant, call}] = true
		case subject.KindRequested:
			p.touched[callRef{tenant, call}] = true
		}
	}
	p.rouse()
}

// forget takes an analysis that has ended out of line, or stops it. The caller holds the lock.
func (p *pool) forget(id string) {
	if cancel := p.running[id]; cancel != nil {
		cancel(errEnded)
		return // its place is given back when it has stopped
	}
	p.pacer.remove(id, 0)
}

func (p *pool) start() error {
	if err := p.touchQueue(); err != nil {
		return err
	}
	p.unmeasured = p.s.meters.watch(p)
	loop, cancel := context.WithCancel(context.Background())
	leases, endLeases := context.WithCancel(context.Background())
	runs, cancelRuns := context.WithCancelCause(context.Background())
	p.cancelLoop, p.endLeases, p.cancelRuns, p.stopping = cancel, endLeases, cancelRuns, loop.Done()
	p.leasing.Go(func() { p.leaser.run(leases) })
	p.loop.Go(func() { p.dispatch(loop, runs) })
	return nil
}

// touchQueue makes everything due that was in the view when following began.
func (p *pool) touchQueue() error {
	return p.s.follower.Read(func(tx *view.Tx) error {
		queue, err := readQueue(tx)
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, r := range queue {
			p.touched[callRef{r.Tenant, r.Call}] = true
		}
		return err
	})
}

// handOver is what stop keeps of its time for what comes after the analyses under way: handing back the lanes, and the
// rest of the process.
const handOver = 3 * time.Second

// stop starts nothing more, waits for what is at the provider as long as the context allows, and then hands back the
// lanes: a successor that began before would pay a second time for what is under way.
func (p *pool) stop(ctx context.Context) {
	if p.cancelLoop == nil {
		return
	}
	p.cancelLoop()
	p.loop.Wait() // nothing starts from here on
	waiting, cancel := ctx, func() {}
	if end, limited := ctx.Deadline(); limited {
		waiting, cancel = context.WithDeadline(ctx, end.Add(-handOver))
	}
	defer cancel()
	done := make(chan struct{})
	go func() { p.runs.Wait(); close(done) }()
	select {
	case <-done:
	case <-waiting.Done():
	}
	p.cancelRuns(errStopping)
	<-done
	p.endLeases()
	p.leasing.Wait()
	p.unmeasured()
	p.cancelLoop = nil
}

// dispatch starts what may start whenever something has changed.
func (p *pool) dispatch(ctx, runs context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		again, err := p.round(ctx, runs)
		if err != nil {
			p.s.log.ErrorContext(ctx, "the queue cannot be read", "error", err)
			again = time.Now().Add(putBackTime)
		}
		if !again.IsZero() {
			timer.Reset(time.Until(again))
		}
		select {
		case <-p.wake:
		case <-timer.C:
		case <-ctx.Done():
			return
		}
	}
}

// round puts what has become due in line and starts those whose turn it is.
func (p *pool) round(ctx, runs context.Context) (again time.Time, err error) {
	p.mu.Lock()
	touched := p.touched
	p.touched = map[callRef]bool{}
	p.mu.Unlock()
	due, err := p.due(touched)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		maps.Copy(p.touched, touched)
		return again, err
	}
	for _, j := range due {
		p.pacer.add(j)
	}
	jobs, again := p.pacer.next(time.Now(), p.leaser.owns)
	for _, j := range jobs {
		if ctx.Err() != nil {
			break
		}
		one, cancel := context.WithCancelCause(runs)
		p.running[j.id] = cancel
		p.runs.Go(func() { p.run(one, j) })
	}
	return again, nil
}

// due are the first analyses, not terminal, of some calls' requests.
func (p *pool) due(calls map[callRef]bool) (jobs []job, err error) {
	err = p.s.follower.Read(func(tx *view.Tx) error {
		for ref := range calls {
			call, _, err := readCall(tx, ref.tenant, ref.call)
			if err != nil {
				return err
			}
			if call.Erased || len(call.Running) == 0 {
				continue
			}
			r, ok, err := readRecord(tx, ref.tenant, call.Running[0])
			if err != nil {
				return err
			}
			if ok {
				jobs = append(jobs, jobOf(r))
			}
		}
		return nil
	})
	return jobs, err
}

func jobOf(r Record) job {
	return job{
		id: r.ID, tenant: r.Tenant, call: r.Call, lane: r.Key.Lane, bulk: r.Priority == PriorityBulk, tokens: expectedTokens,
		sequence: r.Sequence, index: r.Index, trace: r.Trace,
	}
}

func (p *pool) run(ctx context.Context, j job) {
	ctx = telemetry.Extract(ctx, j.trace)
	began := time.Now()
	err := p.s.run(ctx, j, turn{
		owns: func() bool { return p.leaser.owns(j.lane) },
		hold: func(until time.Time) { p.mu.Lock(); p.pacer.hold(j.lane, until); p.mu.Unlock() },

		stopping: p.stopping,
	})
	p.mu.Lock()
	p.running[j.id](nil)
	delete(p.running, j.id)
	p.pacer.remove(j.id, time.Since(began))
	p.touched[callRef{j.tenant, j.call}] = true
	p.mu.Unlock()
	if err == nil || ctx.Err() != nil {
		p.rouse()
		return
	}
	p.s.log.WarnContext(ctx, "an analysis was put back", "analysis", j.id, "error", err)
	time.AfterFunc(putBackTime, p.rouse)
}

// counts is how many analyses wait on the lanes of this replica, and how many it is running.
func (p *pool) counts() (waiting, running int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pacer.waiting(p.leaser.owns), len(p.running)
}

// place is a queued analysis's place on its lane and the seconds until it is expected to start.
func (p *pool) place(r Record) (uint32, *uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	place, wait := p.pacer.place(r.ID, time.Now())
	if place == 0 {
		return 0, nil
	}
	seconds := uint32(wait / time.Second)
	return uint32(place), &seconds
}
