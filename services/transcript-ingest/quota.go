package ingest

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/ids"
)

const (
	// voiceLogMeter is the counter of the compatible API. Each answer costs one request and one object, so one number is
	// both, and the lower of the two caps counts.
	voiceLogMeter = "voice_log"
	// countTime is how long a request waits to be counted.
	countTime = 5 * time.Second
	// certainTime is how long an increment is repeated whose outcome is not known. The log recognises it for 2 minutes.
	certainTime = 90 * time.Second
	// gatherTime is how long a replica gathers who waits before it counts again, where several were waiting the last time:
	// an increment costs as much as several answers. Who asks alone never waits for it.
	gatherTime = time.Millisecond
	// fullTime is how long a replica takes a cap for reached without looking again. It may look too early: an increment
	// that is about to be taken back stands in the way for a moment.
	fullTime = time.Second
)

// errOverCap says that a month's answers are used up.
var errOverCap = errors.New("ingest: over the monthly cap")

// quota counts answers of the compatible API, exactly over all replicas. What waits in a replica for one counter shares
// an increment, so that counting costs one write for any number of requests. It is counted first and answered then: of n
// that were added, those that the total leaves room for are let through, and the others are taken back. An increment is
// repeated under its id until its outcome is known, and nobody is let through before. A replica that dies may have
// counted what it did not answer: then there are fewer answers than the cap, never more.
//
// While requests keep coming, an increment also counts some that are about to come (lane.target), which then need not
// wait for the disk. What of them does not come is taken back.
type quota struct {
	log    *stream.Log
	logger *slog.Logger

	run  context.Context //nolint:containedctx // counting outlives the requests that asked for it
	stop context.CancelFunc
	work sync.WaitGroup
	quit chan struct{} // closed when counting is to come to its end

	mu     sync.Mutex
	closed bool
	lanes  map[string]*lane
}

// lane is one counter, who waits for it, and what is counted ahead.
type lane struct {
	meter   string
	waiting []*asking
	busy    bool
	full    int64     // the cap that was found reached
	until   time.Time // so long is that believed

	ahead
}

// asking is a request that waits to be counted.
type asking struct {
	most int64 // the cap
	said chan error
	gone bool
}

func newQuota(log *stream.Log, logger *slog.Logger) *quota {
	run, stop := context.WithCancel(context.Background())
	return &quota{log: log, logger: logger, run: run, stop: stop, quit: make(chan struct{}), lanes: map[string]*lane{}}
}

// monthOf is the calendar month in Japan, as 202611.
func monthOf(at time.Time) string {
	year, month, _ := inJapan(at).Date()
	return strconv.Itoa(100*year + int(month))
}

func meterOf(tenant string, at time.Time) string {
	return subject.Meter(tenant, monthOf(at), voiceLogMeter)
}

// count counts one answer; errOverCap when the month has had as many as it may. Any other error means that the answer
// must not be given: it is not known to be counted.
func (q *quota) count(ctx context.Context, meter string, most int64) error {
	a, err := q.ask(meter, most)
	if a == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, countTime)
	defer cancel()
	select {
	case err := <-a.said:
		return err
	case <-ctx.Done():
		return q.leave(ctx, a)
	}
}

// ask counts a request with what was counted ahead, or makes it wait in its lane; neither where there is an error.
func (q *quota) ask(meter string, most int64) (*asking, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, fault.New(fault.Unavailable, "UNAVAILABLE")
	}
	now := time.Now()
	l := q.lane(meter, now)
	if most <= 0 || l.full == most && now.Before(l.until) {
		return nil, errOverCap
	}
	l.asked++
	var a *asking
	if !l.use(most) {
		a = &asking{most: most, said: make(chan error, 1)}
		l.waiting = append(l.waiting, a)
	} else if !l.low() {
		return nil, nil //nolint:nilnil // counted, and nothing to wait for
	}
	if !l.busy {
		l.busy, l.idle = true, make(chan struct{})
		q.work.Go(func() { q.serve(l) })
	}
	l.rouse()
	return a, nil
}

// lane finds a counter's lane. A new one takes the room of those that hold nothing any more, so that there are about as
// many as tenants that ask.
func (q *quota) lane(meter string, now time.Time) *lane {
	l := q.lanes[meter]
	if l == nil {
		maps.DeleteFunc(q.lanes, func(_ string, l *lane) bool { return !l.busy && !now.Before(l.until) })
		l = &lane{meter: meter, ahead: ahead{wake: make(chan struct{}, 1)}}
		q.lanes[meter] = l
	}
	return l
}

// leave gives up waiting, unless the answer has come just now.
func (q *quota) leave(ctx context.Context, a *asking) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case err := <-a.said:
		return err
	default:
		a.gone = true
		return fault.New(fault.Unavailable, "UNAVAILABLE", fault.Wrapping(ctx.Err()))
	}
}

// serve counts for a lane until nobody waits in it and nothing is counted ahead.
func (q *quota) serve(l *lane) {
	for {
		batch, more, rest := q.take(l)
		switch {
		case rest:
			return
		case len(batch) == 0 && more == 0:
			q.hold(l)
			continue
		}
		q.round(l, batch, more)
		if len(batch) > 1 {
			q.gather()
		}
	}
}

func (q *quota) gather() {
	select {
	case <-time.After(gatherTime):
	case <-q.run.Done():
	}
}

// take is everybody who waits, and how many to count ahead of others. With neither, and nothing in hand, the lane is not
// busy any more.
func (q *quota) take(l *lane) (batch []*asking, more int64, rest bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	most := l.most
	for _, a := range l.waiting {
		if !a.gone {
			batch, most = append(batch, a), a.most
		}
	}
	l.waiting, l.most = nil, most
	more = l.more(int64(len(batch)), time.Now(), q.closed)
	if rest = len(batch) == 0 && more == 0 && l.left == 0; rest {
		l.busy, l.back = false, false
		close(l.idle)
	}
	return batch, more, rest
}

// round counts a batch and some ahead, tells each whether it may be answered, and takes back what must not.
func (q *quota) round(l *lane, batch []*asking, more int64) {
	id := ids.New("count")
	total, err := q.increment(l.meter, int64(len(batch))+more, id)
	if err != nil {
		q.tell(l, batch, func([]*asking) []error { return repeated(err, len(batch)) })
		q.spoil(l)
		return
	}
	over := q.tell(l, batch, func(in []*asking) []error { return decide(in, total-more-int64(len(batch))) })
	over += q.keep(l, total, more)
	q.takeBack(l, over, id+"-over")
}

func (q *quota) takeBack(l *lane, n int64, id string) {
	if n == 0 {
		return
	}
	if _, err := q.increment(l.meter, -n, id); err != nil {
		q.logger.Warn("requests that were not answered stay counted", "meter", l.meter, "requests", n, "error", err)
	}
}

// decide tells who may be answered: nil or errOverCap for each. Before them, so many were counted by others or refused
// and are about to be taken back; both are in the way, so that never too many are let through. Who has gone is not
// answered and takes nobody's place.
func decide(batch []*asking, before int64) []error {
	out := make([]error, len(batch))
	for i, a := range batch {
		switch {
		case a.gone:
			out[i] = context.Canceled
		case before >= a.most:
			out[i] = errOverCap
		default:
			before++
		}
	}
	return out
}

func repeated(err error, n int) []error {
	out := make([]error, n)
	for i := range out {
		out[i] = err
	}
	return out
}

// tell decides and gives everybody the answer at one moment, so that who leaves knows whether it was counted. It returns
// how many were not let through.
func (q *quota) tell(l *lane, batch []*asking, decide func([]*asking) []error) (over int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, err := range decide(batch) {
		if err != nil {
			over++
		}
		if errors.Is(err, errOverCap) {
			l.full, l.until = batch[i].most, time.Now().Add(fullTime)
		}
		batch[i].said <- err
	}
	return over
}

// increment changes a counter and insists on knowing what came of it. What surely was not added is an error at once;
// what is to be taken back is tried again all the same.
func (q *quota) increment(meter string, by int64, id string) (int64, error) {
	insist := by < 0
	wait := 10 * time.Millisecond
	for end := time.Now().Add(certainTime); ; wait = min(2*wait, time.Second) {
		total, err := q.log.Increment(q.run, subject.Meters, meter, by, id)
		insist = insist || errors.Is(err, stream.ErrUnknown)
		if err == nil || !insist || time.Now().After(end) {
			return total, err
		}
		select {
		case <-time.After(wait):
		case <-q.run.Done():
			return 0, err
		}
	}
}

// close lets what is being counted come to its end, as long as the context allows, and then gives up.
func (q *quota) close(ctx context.Context) {
	q.mu.Lock()
	if !q.closed {
		close(q.quit)
	}
	q.closed = true
	q.mu.Unlock()
	done := make(chan struct{})
	go func() { q.work.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
	q.stop()
	<-done
}
