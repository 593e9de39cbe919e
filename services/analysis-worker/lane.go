package analysis

import (
	"slices"
	"time"
)

// lane is one limit of a provider: who waits for it, who uses it, and what there is of it.
//
// Two accounts are kept of each limit. Ours is filled at the pace of what may be used, is charged with what a request may
// cost when it starts, and gets back what it did not use. Theirs is what the provider said was left, charged with what
// was started since and filled at the provider's own pace; nothing flows back into it, because whether a provider gives
// anything back only the provider can say. A request leaves when both have enough.
type lane struct {
	interactive, bulk class
	running           map[string]*run
	again             []string // running ones that wait to ask once more, by their turns
	holdUntil         time.Time
	typical           time.Duration // how long an analysis took lately

	ours, theirs account
	since        time.Time // when this replica took the lane over; its accounts begin then
	order        uint64    // of the newest request that has left
	heard        uint64    // order of the newest one of which the provider has said what it left
	used         time.Time // when the last request was charged
}

// run is a job that was started, and what it is charged.
type run struct {
	tokens           int     // that it may cost
	requests, charge float64 // what ours was charged and did not get back
	sent             bool
	order            uint64 // in which requests left
}

func newLane() *lane {
	never := newBucket(0, time.Time{})
	return &lane{interactive: newClass(), bulk: newClass(), running: map[string]*run{}, ours: account{never, never}}
}

// follow takes notice of the terms on which a replica has the lane. Of one that it has just taken over nobody knows what was
// used of it: its buckets start empty.
func (l *lane) follow(t terms, now time.Time) {
	if !t.since.Equal(l.since) {
		l.since, l.heard = t.since, l.order
		l.ours = account{newBucket(t.requests, t.since), newBucket(t.tokens, t.since)}
		l.theirs = account{}
	}
	l.theirs.refill(now)
	l.ours.requests.set(t.requests, l.theirs.requests, now)
	l.ours.tokens.set(t.tokens, l.theirs.tokens, now)
}

// next takes those whose turn it is: first those who ask once more, then the line.
func (l *lane) next(now time.Time, d *decision) {
	for len(l.again) > 0 {
		r := l.running[l.again[0]]
		if at := l.ready(r.tokens); at.After(now) {
			d.again = earlier(d.again, at)
			return
		}
		l.charge(r, now)
		d.repeat = append(d.repeat, l.again[0])
		l.again = l.again[1:]
	}
	for len(l.running) < laneConcurrency && l.waiting() > 0 {
		first := l.first()
		j, _ := first.front()
		if at := l.ready(j.tokens); at.After(now) {
			d.again = earlier(d.again, at)
			return
		}
		first.take()
		r := &run{tokens: j.tokens}
		l.running[j.id] = r
		l.charge(r, now)
		d.start = append(d.start, j)
	}
}

// ready is when a request of some tokens may leave.
func (l *lane) ready(tokens int) time.Time {
	n := float64(tokens)
	return later(l.holdUntil, l.ours.ready(n), l.theirs.ready(n))
}

// charge takes a request and what it may cost from both accounts.
func (l *lane) charge(r *run, now time.Time) {
	l.used, r.sent = now, false
	r.requests, r.charge = l.ours.requests.take(1), l.ours.tokens.take(float64(r.tokens))
	l.theirs.requests.take(1)
	l.theirs.tokens.take(float64(r.tokens))
}

// send notes that a request leaves.
func (l *lane) send(r *run) {
	l.order++
	r.sent, r.order = true, l.order
}

func (l *lane) measure(r *run, tokens int, now time.Time) {
	l.ours.refill(now)
	l.theirs.refill(now)
	more := float64(tokens - r.tokens)
	r.tokens = tokens
	r.charge += l.ours.tokens.take(more)
	l.theirs.tokens.take(more)
}

// settle gives back what a request did not use, or takes what it used beside its charge. One that was refused has used
// nothing of theirs, either; when the provider has spoken since, it has said so.
func (l *lane) settle(r *run, used int, now time.Time) {
	if used < 0 {
		return
	}
	l.ours.refill(now)
	l.ours.tokens.take(float64(used) - r.charge)
	r.charge = float64(used)
	if used == 0 && r.order >= l.heard {
		l.theirs.refill(now)
		l.theirs.tokens.take(-float64(r.tokens))
	}
}

// listen takes the provider's word for what is left. It does not know of what left after the request that it answers, or has
// yet to leave: that is taken off. The word on an older request is not news.
func (l *lane) listen(r *run, a answer, now time.Time) {
	if r.order < l.heard {
		return
	}
	l.heard = r.order
	var requests, tokens float64
	for _, other := range l.running {
		if !other.sent || other.order > r.order {
			requests++
			tokens += float64(other.tokens)
		}
	}
	l.theirs.requests.listen(a.requests, requests, now)
	l.theirs.tokens.listen(a.tokens, tokens, now)
}

func (l *lane) hold(now, until time.Time) {
	if !until.After(l.holdUntil) {
		return
	}
	l.holdUntil = until
	l.ours.refill(now)
	l.ours.requests.putOff(until)
	l.ours.tokens.putOff(until)
}

func (l *lane) remove(id string) {
	l.interactive.remove(id)
	l.bulk.remove(id)
	if r := l.running[id]; r != nil && !r.sent {
		l.ours.requests.take(-r.requests)
		l.ours.tokens.take(-r.charge)
	}
	delete(l.running, id)
	l.again = slices.DeleteFunc(l.again, func(other string) bool { return other == id })
}

func (l *lane) class(bulk bool) *class {
	if bulk {
		return &l.bulk
	}
	return &l.interactive
}

// first is the class whose turn it is.
func (l *lane) first() *class {
	if len(l.interactive.tenants) > 0 {
		return &l.interactive
	}
	return &l.bulk
}

func (l *lane) waiting() int { return len(l.interactive.tenants) + len(l.bulk.tenants) }

func (l *lane) empty() bool { return l.waiting() == 0 && len(l.running) == 0 }

// spare tells whether an empty lane may be forgotten: made anew it would be the same.
func (l *lane) spare(now time.Time) bool {
	return !now.Before(l.holdUntil) && now.Sub(l.used) >= time.Minute && l.ours.requests.full() && l.ours.tokens.full() &&
		l.theirs.requests.full() && l.theirs.tokens.full()
}

// place counts those ahead of a waiting job, and what they will take of the lane before it.
func (l *lane) place(id string, t terms, now time.Time) (place int, wait time.Duration) {
	l.follow(t, now)
	ahead, before := lane{interactive: l.interactive.clone(), bulk: l.bulk.clone()}, 0.0
	for place = 1; ; place++ {
		j, ok := ahead.first().take()
		if !ok {
			return 0, 0
		}
		if j.id == id {
			wait = l.queued(place, now)
			return place, max(wait, l.behind(place-1, before, j.tokens).Sub(now))
		}
		before += float64(j.tokens)
	}
}

// queued is how long a place in line takes by the number of those who are served at once.
func (l *lane) queued(place int, now time.Time) time.Duration {
	typical := l.typical
	if typical == 0 {
		typical = unknownTime
	}
	rounds := (len(l.running) + place - 1) / laneConcurrency
	return time.Duration(rounds)*typical + max(0, l.holdUntil.Sub(now))
}

// behind is when a request of some tokens may leave behind others, if each of them uses what it may.
func (l *lane) behind(jobs int, before float64, tokens int) (at time.Time) {
	for _, a := range []account{l.ours, l.theirs} { // copies: nobody is charged by asking
		a.requests.take(float64(jobs))
		a.tokens.take(before)
		at = later(at, a.ready(float64(tokens)))
	}
	return at
}
