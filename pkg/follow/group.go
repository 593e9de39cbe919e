package follow

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
)

// GroupConfig says how writes of a stream are brought together.
type GroupConfig[R any] struct {
	// Follower whose view decisions look at.
	Follower *Follower
	// Stream that is written to. Where it is declared with Batches, writes under many guards go in one.
	Stream string
	// Expected is the last sequence under a request's guard as the view has it, 0 when nothing was ever written there. The view
	// has to keep it, for the message that carries it may be gone. It is asked right before Decide, upon the same look at the
	// view, so that what it has read may be left in the request.
	Expected func(tx *view.Tx, request R) uint64
	// Decide looks at the view and says what one event comes of all the requests under one guard, which came in this
	// order; nil for nothing. Behind what the view has come the events of those that are settling: they are on the log, but not
	// in the view yet. What becomes of each request it writes into the request. Its error is everybody's. It may
	// be called several times for the same requests, and for different guards at the same time.
	Decide func(tx *view.Tx, settling, requests []R) (*stream.Event, error)
	// NewID makes an event's id.
	NewID func() string
	// Size is how many bytes a request takes in an event, at most MaxEvent; what goes into one event stays below that,
	// in requests and bytes.
	Size                  func(R) int
	MaxEvent, MaxRequests int
	// MaxWaiting bounds the bytes of all requests that wait; more of them wait outside.
	MaxWaiting int
	// Worthwhile is how many writes a batch needs to be faster than each by itself; see [stream.Log.AppendAll].
	Worthwhile int
}

// Group takes requests to write and brings together what waits: while writes are on their way to the disk, what comes
// under one guard becomes one event, and what comes under many becomes one batch, or goes out together where they are few.
// While nothing waits a request is a write of its own, by whoever hands it in, at once. A group decides upon the view as it
// is, and what it has written since, and lets the compare-and-set say whether that was the newest state; only who is refused
// asks the leader. Nobody waits for the view to take in what is written: reads do ([Follower.WaitPosition]). A request that
// is refused, or whose fate is unknown, goes on by itself as [Follower.Commit] does, so that it holds nobody else up; what
// comes under its guard meanwhile waits, and stays behind it.
type Group[R any] struct {
	cfg  GroupConfig[R]
	wake chan struct{} // something waits

	mu      sync.Mutex
	run     context.Context //nolint:containedctx // that of Run; who writes out of turn ends with it, too
	room    chan struct{}   // closed and replaced when there is room again, and somebody waits for that
	outside bool            // somebody does
	waiting map[stream.Guard]*queue[R]
	order   []stream.Guard        // those with something waiting, first come first served
	busy    map[stream.Guard]bool // under which something is on its way
	settles map[stream.Guard]*settling[R]
	bytes   int
	running bool   // Run is there
	writing int    // how many have a turn to write: Run, or who handed in a request while there was one
	missed  bool   // somebody wanted a turn since
	letting bool   // somebody waits for the view, to let go what is settling
	newest  uint64 // of what has settled
	closed  bool

	work sync.WaitGroup
}

// queue is what waits under one guard.
type queue[R any] struct{ requests []*request[R] }

// request is one on its way.
type request[R any] struct {
	ctx  context.Context //nolint:containedctx // the request waits for others to write it, in its own trace
	body R
	size int
	done chan outcome
}

type outcome struct {
	sequence uint64
	err      error
}

// NewGroup makes a group; nothing is written before Run.
func NewGroup[R any](cfg GroupConfig[R]) *Group[R] {
	return &Group[R]{
		cfg: cfg, wake: make(chan struct{}, 1), room: make(chan struct{}),
		waiting: map[stream.Guard]*queue[R]{}, busy: map[stream.Guard]bool{},
		settles: map[stream.Guard]*settling[R]{},
	}
}

// Run writes until the context ends, and returns when nothing is on its way any more. What then still waits is
// Unavailable.
func (g *Group[R]) Run(ctx context.Context) {
	g.mu.Lock()
	g.running, g.run = true, ctx
	g.mu.Unlock()
	g.poke()
	for {
		select {
		case <-g.wake:
		case <-ctx.Done():
			g.close()
			g.work.Wait()
			return
		}
		for ctx.Err() == nil && g.begin() {
			if !g.round(ctx) {
				break
			}
		}
	}
}

// turns is how many rounds are on their way at the same time: while one is on the disk the next is decided. What comes
// meanwhile waits, and is brought together.
const turns = 2

// begin takes a turn to write.
func (g *Group[R]) begin() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.turn()
}

// turn takes a turn, under the lock; not before Run is there, and not after it.
func (g *Group[R]) turn() bool {
	if g.writing == turns {
		g.missed = true
	}
	if g.writing == turns || !g.running || g.closed {
		return false
	}
	g.writing++
	g.work.Add(1)
	return true
}

// round writes what can be written, and gives its turn back. It tells whether there was anything.
func (g *Group[R]) round(run context.Context) bool {
	taken := g.take()
	if len(taken) > 0 {
		g.write(run, taken)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if (len(taken) > 0 || g.missed) && len(g.order) > 0 {
		g.poke()
	}
	g.writing--
	g.missed = false
	g.work.Done()
	return len(taken) > 0
}

// Do hands in a request under a guard and returns when its event is on the log: the position that includes it, or what
// there was, when there was nothing to write. It waits while too much waits already, and gives up
// when its context ends; then the request may have been written, or may yet be.
func (g *Group[R]) Do(ctx context.Context, guard stream.Guard, body R) (stream.Position, error) {
	r := &request[R]{ctx: ctx, body: body, size: g.cfg.Size(body), done: make(chan outcome, 1)}
	for {
		room, mine, err := g.enter(guard, r)
		if err != nil {
			return nil, err
		}
		if mine {
			g.round(g.run) //nolint:contextcheck // that of Run, which what goes on behind it ends with
		}
		if room == nil {
			break
		}
		select {
		case <-room:
		case <-ctx.Done():
			return nil, late(ctx)
		}
	}
	select {
	case o := <-r.done:
		if o.err != nil {
			return nil, o.err
		}
		return g.cfg.Follower.position(g.cfg.Stream, o.sequence), nil
	case <-ctx.Done():
		return nil, late(ctx)
	}
}

func late(ctx context.Context) error {
	return fault.Op("follow.group", fault.New(fault.Unavailable, "UNAVAILABLE",
		fault.Wrapping(context.Cause(ctx)), fault.RetryIn(time.Second)))
}

var errClosed = errors.New("follow: the group has ended")

// enter puts a request among those that wait; room is what to wait for when there is none. Where there is a turn, it
// is whose request it is: nobody has to be woken for a lone request.
func (g *Group[R]) enter(guard stream.Guard, r *request[R]) (room <-chan struct{}, mine bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, false, fault.Op("follow.group", fault.New(fault.Unavailable, "UNAVAILABLE", fault.Wrapping(errClosed)))
	}
	if g.bytes > 0 && g.bytes+r.size > g.cfg.MaxWaiting {
		g.outside = true
		return g.room, false, nil
	}
	q, ok := g.waiting[guard]
	if !ok {
		q = &queue[R]{}
		g.waiting[guard] = q
		g.order = append(g.order, guard)
	}
	q.requests = append(q.requests, r)
	g.bytes += r.size
	return nil, g.turn(), nil
}

func (g *Group[R]) poke() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// close refuses what waits.
func (g *Group[R]) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	for _, q := range g.waiting {
		for _, r := range q.requests {
			r.done <- outcome{err: fault.Op("follow.group", fault.New(fault.Unavailable, "UNAVAILABLE", fault.Wrapping(errClosed)))}
		}
	}
	clear(g.waiting)
	close(g.room)
	g.room = make(chan struct{})
}

// writing is what becomes one event: requests under one guard.
type writing[R any] struct {
	guard    stream.Guard
	requests []*request[R]
	id       string
	settling settling[R]
	expected uint64
	event    *stream.Event
}

// maxRound bounds one batch, in bytes: what a server stages at a time.
const maxRound = 8 << 20

// take takes what is written next: of each guard, in the order they came, as much as fits one event, and as many guards
// as fit one batch. Guards under which something is on its way are left waiting.
func (g *Group[R]) take() (out []*writing[R]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var later []stream.Guard
	size := 0
	for i, guard := range g.order {
		if len(out) == stream.MaxBatch || size >= maxRound {
			later = append(later, g.order[i:]...)
			break
		}
		settles := g.settles[guard]
		if settles.tooMuch() {
			g.hurry(settles)
		}
		if g.busy[guard] || settles.tooMuch() {
			later = append(later, guard)
			continue
		}
		g.busy[guard] = true
		w, bytes := g.cut(guard)
		size += bytes
		g.bytes -= bytes
		out = append(out, w)
		if len(g.waiting[guard].requests) > 0 {
			later = append(later, guard)
		} else {
			delete(g.waiting, guard)
		}
	}
	g.order = later
	if len(out) > 0 && g.outside {
		close(g.room)
		g.room, g.outside = make(chan struct{}), false
	}
	return out
}

// cut takes as much of a guard's queue as fits one event, at least one request.
func (g *Group[R]) cut(guard stream.Guard) (*writing[R], int) {
	q := g.waiting[guard]
	n, size := 0, 0
	for n < len(q.requests) && n < g.cfg.MaxRequests && (n == 0 || size+q.requests[n].size <= g.cfg.MaxEvent) {
		size += q.requests[n].size
		n++
	}
	w := &writing[R]{guard: guard, requests: q.requests[:n:n], id: g.cfg.NewID(), settling: g.settles[guard].copy()}
	q.requests = q.requests[n:]
	return w, size
}
