package analysis

import (
	"math"
	"time"
)

// usedPart is how much of a limit is used. Requests reach a provider sooner or later than they were let go; without the rest
// to swallow that, what was paced to the limit would now and then be refused.
const usedPart = 0.97

// bucket is a limit of requests or tokens a minute as providers keep it: it holds a minute's worth and refills all the
// time. It may run into debt, which it refills from, too. Without a limit it lets everything through.
type bucket struct {
	limit float64       // what it holds; 0: nobody has said any
	has   float64       // as of at
	at    time.Time     // later than now while refilling is put off
	fill  time.Duration // how long it takes to fill it

	strange strangers // what others use of it
	heard   time.Time // when the provider said last what was left of it
}

// newBucket makes an empty one that begins to refill at a time.
func newBucket(perMinute int64, at time.Time) bucket {
	return bucket{limit: float64(perMinute) * usedPart, at: at, fill: time.Minute}
}

// refill brings the bucket up to a time.
func (b *bucket) refill(now time.Time) {
	if !now.After(b.at) {
		return
	}
	if b.limit > 0 {
		b.has = min(b.limit, b.has+b.rate()*now.Sub(b.at).Minutes())
	}
	b.at = now
}

// flow is what flows in within a minute, and rate what others leave of it.
func (b *bucket) flow() float64 { return b.limit * time.Minute.Seconds() / b.fill.Seconds() }

func (b *bucket) rate() float64 { return b.flow() - b.strange.perMinute(b.flow()) }

// set makes it another limit's. One that comes to have a limit starts empty, as what was used before was not counted; unless
// the limit is the provider's own, and the provider has said what is left of it.
func (b *bucket) set(perMinute int64, theirs bucket, now time.Time) {
	b.refill(now)
	was := b.limit
	b.limit = float64(perMinute) * usedPart
	switch {
	case b.limit == 0:
		b.has = 0
	case was == 0 && b.limit == theirs.limit:
		b.has = theirs.has
	default:
		b.has = min(b.has, b.limit)
	}
}

// ready is when there will be n, or the bucket is full: who needs more than it holds goes then, and the debt keeps the
// others waiting; waiting for more than it holds would never end. A time that is not after now: there are.
func (b *bucket) ready(n float64) time.Time {
	if b.limit == 0 {
		return time.Time{}
	}
	lack := min(n, b.limit) - b.has
	if lack <= 0 {
		return b.at
	}
	// Rounded up: asked again a moment too early, it would have to be asked again once more.
	ms := math.Ceil(lack / b.rate() * float64(time.Minute/time.Millisecond))
	return b.at.Add(time.Duration(ms) * time.Millisecond)
}

// take takes n, or gives them back when it is negative, and tells how much was: nothing where there is no limit.
func (b *bucket) take(n float64) float64 {
	if b.limit == 0 {
		return 0
	}
	b.has = min(b.limit, b.has-n)
	return n
}

// putOff lets nothing flow in before a time.
func (b *bucket) putOff(until time.Time) {
	if until.After(b.at) {
		b.at = until
	}
}

// full tells whether nothing of it is used.
func (b *bucket) full() bool { return b.has >= b.limit }

// account is a lane's two limits.
type account struct{ requests, tokens bucket }

func (a *account) refill(now time.Time) {
	a.requests.refill(now)
	a.tokens.refill(now)
}

// ready is when a request of some tokens may leave.
func (a *account) ready(tokens float64) time.Time {
	return later(a.requests.ready(1), a.tokens.ready(tokens))
}

func later(times ...time.Time) (latest time.Time) {
	for _, t := range times {
		if t.After(latest) {
			latest = t
		}
	}
	return latest
}

// earlier is the earlier of two times, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
