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

// pool runs the analyses whose turn it is on the lanes of this replica.
type pool struct {
	s      *Service
	leaser *leaser
	wake   chan struct{}

	mu      sync.Mutex
	pacer   *pacer
	running map[string]*turn
	touched map[callRef]bool // calls of which something may have become due
	said    map[string]laneLimits
	rekeyed bool // keys have changed since said was read

	unmeasured            func() // ends the gauges
	cancelLoop, endLeases context.CancelFunc
	cancelRuns            context.CancelCauseFunc
	stopping              <-chan struct{}
	loop, leasing, runs   sync.WaitGroup
}

func newPool(s *Service) *pool {
	p := &pool{
		s: s, wake: make(chan struct{}, 1), pacer: newPacer(),
		running: map[string]*turn{}, touched: map[callRef]bool{}, rekeyed: true,
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
		p.rekeyed = p.rekeyed || m.Stream == subject.Keys
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
	if t := p.running[id]; t != nil {
		t.cancel(errEnded)
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

// round puts what has become due in line, and gives turns to those whose turn it is.
func (p *pool) round(ctx, runs context.Context) (again time.Time, err error) {
	p.mu.Lock()
	touched := p.touched
	p.touched = map[callRef]bool{}
	p.mu.Unlock()
	due, err := p.due(touched)
	if err == nil {
		err = p.readLimits()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		maps.Copy(p.touched, touched)
		return again, err
	}
	for _, j := range due {
		p.pacer.add(j)
	}
	d := p.pacer.next(time.Now(), p.terms)
	for _, id := range d.repeat {
		if t := p.running[id]; t != nil {
			t.ready <- struct{}{} // it has asked for one, and has room for one
		}
	}
	for _, j := range d.start {
		if ctx.Err() != nil {
			break
		}
		one, cancel := context.WithCancelCause(runs)
		t := newTurn(p, j, cancel)
		p.running[j.id] = t
		p.runs.Go(func() { p.run(one, t) })
	}
	return d.again, nil
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
			if !ok {
				continue
			}
			j := jobOf(r)
			if j.tokens, err = expected(tx, r); err != nil {
				return err
			}
			jobs = append(jobs, j)
		}
		return nil
	})
	return jobs, err
}

// jobOf is an analysis as a job, but for what it is expected to cost.
func jobOf(r Record) job {
	return job{
		id: r.ID, tenant: r.Tenant, call: r.Call, lane: r.Key.Lane, bulk: r.Priority == PriorityBulk,
		sequence: r.Sequence, index: r.Index, trace: r.Trace,
	}
}

func (p *pool) run(ctx context.Context, t *turn) {
	j := t.job
	ctx = telemetry.Extract(ctx, j.trace)
	began := time.Now()
	err := p.s.run(ctx, j, t)
	p.mu.Lock()
	t.cancel(nil)
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
	place, wait := p.pacer.place(r.ID, time.Now(), p.terms)
	if place == 0 {
		return 0, nil
	}
	seconds := uint32(wait / time.Second)
	return uint32(place), &seconds
}
