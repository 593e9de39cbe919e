package notify

import (
	"sort"
	"sync"

	notificationv1 "github.com/kikigaki/kikigaki/proto/kikigaki/notification/v1"
)

// outcome is one outcome on its way to screens. It is shared by all streams and never changes.
type outcome struct {
	tenant   string
	sequence uint64
	note     *notificationv1.Notification
	// frame encodes the outcome for event streams, once however many there are.
	frame func() []byte
}

func newOutcome(tenant string, sequence uint64, note *notificationv1.Notification) *outcome {
	return &outcome{
		tenant: tenant, sequence: sequence, note: note,
		frame: sync.OnceValue(func() []byte { return encodeFrame(note) }),
	}
}

// ring keeps the newest outcomes of all tenants, in order. Streams read it at their own pace and are nothing to it: it
// holds no list of them, waits for none, and wakes those that wait by closing one channel. A stream that has not read
// an outcome by the time its slot is needed again has lost its place and is cut.
type ring struct {
	mu    sync.RWMutex
	slots []*outcome // outcome number n is in slot n % len; nil where it was taken back
	seqs  []uint64   // the sequence of what is or was in a slot
	next  uint64     // number of the next outcome, counting from 0
	moved chan struct{}
}

func newRing(size int) *ring {
	return &ring{slots: make([]*outcome, size), seqs: make([]uint64, size), moved: make(chan struct{})}
}

// append adds outcomes, whose sequences must be above all that the ring has had.
func (r *ring) append(list []*outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range list {
		slot := r.next % uint64(len(r.slots))
		r.slots[slot], r.seqs[slot] = o, o.sequence
		r.next++
	}
	close(r.moved)
	r.moved = make(chan struct{})
}

// forget takes back what the ring has of a call: what was erased must not be told any more.
func (r *ring) forget(tenant, call string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, o := range r.slots {
		if o != nil && o.tenant == tenant && o.note.GetCallId() == call {
			r.slots[i] = nil
		}
	}
}

// oldest is the number of the oldest outcome that is still there.
func (r *ring) oldest() uint64 {
	return r.next - min(r.next, uint64(len(r.slots)))
}

// enter finds where a stream of a tenant goes on that was told everything up to a sequence. ok is false when the ring
// may have dropped an outcome above it already.
func (r *ring) enter(tenant string, after uint64) (at cursor, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	oldest, size := r.oldest(), uint64(len(r.slots))
	skip := sort.Search(int(r.next-oldest), func(i int) bool { return r.seqs[(oldest+uint64(i))%size] > after })
	// Everything dropped lies below the oldest that is left; with that one at or below the place, nothing is missed.
	return cursor{tenant: tenant, number: oldest + uint64(skip), after: after}, oldest == 0 || skip > 0
}

// cursor is where a stream is in the ring.
type cursor struct {
	tenant string
	// number of the next outcome that the stream looks at.
	number uint64
	// after is a sequence up to which the stream was told everything by the view. The view is ahead of the ring, so
	// what it told of may yet come along here.
	after uint64
}

// read returns the next outcomes for a stream, limited to most, and moves its cursor behind them. moved is closed when
// there is more than has been looked at. ok is false when the ring has gone over the cursor.
func (r *ring) read(c *cursor, most int) (list []*outcome, moved <-chan struct{}, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if c.number < r.oldest() {
		return nil, nil, false
	}
	for ; c.number < r.next && len(list) < most; c.number++ {
		o := r.slots[c.number%uint64(len(r.slots))]
		if o != nil && o.tenant == c.tenant && o.sequence > c.after {
			list = append(list, o)
		}
	}
	return list, r.moved, true
}
