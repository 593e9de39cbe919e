package ingest

import (
	"container/list"
	"sync"
	"time"
)

// maxBursts bounds the tokens whose rate a replica remembers; the one that was quiet for the longest is forgotten first.
const maxBursts = 10_000

// bursts lets each token make a number of requests at once and, in the long run, a number a second. It knows what came
// to this replica alone: behind a gateway that spreads requests, n replicas together let through n times as many.
type bursts struct {
	mu    sync.Mutex
	most  int
	order *list.List // of debt, the latest first
	known map[string]*list.Element
}

// debt is how far ahead of its rate a token is: at that time it has made up for all its requests.
type debt struct {
	token string
	even  time.Time
}

func newBursts(most int) *bursts {
	return &bursts{most: most, order: list.New(), known: map[string]*list.Element{}}
}

// admit tells whether a request may be answered now; wait is when the next one may, otherwise.
func (b *bursts) admit(token string, now time.Time, rate, burst uint32) (wait time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.find(token)
	p, _ := e.Value.(*debt)
	p.even, wait = next(p.even, now, rate, burst)
	return wait, wait == 0
}

func (b *bursts) find(token string) *list.Element {
	e, known := b.known[token]
	if known {
		b.order.MoveToFront(e)
		return e
	}
	if len(b.known) >= b.most {
		last := b.order.Back()
		p, _ := b.order.Remove(last).(*debt)
		delete(b.known, p.token)
	}
	e = b.order.PushFront(&debt{token: token})
	b.known[token] = e
	return e
}

// next decides upon a request: when the token will be even after it, or how long it has to wait, and then nothing
// changes. Each request costs the time that the rate gives to one; so many may be owed as make a burst.
func next(even, now time.Time, rate, burst uint32) (time.Time, time.Duration) {
	cost := time.Second / time.Duration(max(rate, 1))
	if even.Before(now) {
		even = now
	}
	after := even.Add(cost)
	if wait := after.Sub(now) - cost*time.Duration(max(burst, 1)); wait > 0 {
		return even, wait
	}
	return after, 0
}
