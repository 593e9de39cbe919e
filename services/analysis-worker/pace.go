package analysis

import (
	"slices"
	"time"
)

const (
	// laneConcurrency is how many requests of a lane are at the provider at once.
	laneConcurrency = 4
	// quantum is what a tenant may use of a lane before the next one's turn, in tokens.
	quantum = 4000
	// unknownTime is how long an analysis is assumed to take before a lane has seen one.
	unknownTime = 10 * time.Second
)

// job is an analysis as the pacer sees it.
type job struct {
	id, tenant, call, lane string
	bulk                   bool
	tokens                 int    // what it is expected to cost
	sequence               uint64 // of its request, by which older goes first
	index                  int    // within its request
	trace                  string // traceparent of its request
}

// pacer decides whose turn it is on every lane: interactive before bulk, then deficit round robin over tenants, then
// the oldest job. It only decides: it starts no goroutine and reads no clock. A waiting lane costs nothing.
type pacer struct {
	lanes map[string]*lane
	lane  map[string]string // job -> lane
}

type lane struct {
	interactive, bulk class
	running           map[string]bool
	holdUntil         time.Time
	typical           time.Duration // how long an analysis took lately
}

// class is the jobs of one priority, by tenant.
type class struct {
	tenants []string // those with jobs, in the order of their turns
	jobs    map[string][]job
	deficit map[string]int
}

func newPacer() *pacer { return &pacer{lanes: map[string]*lane{}, lane: map[string]string{}} }

// add puts a job in line; one that is there already stays where it is.
func (p *pacer) add(j job) {
	if _, known := p.lane[j.id]; known {
		return
	}
	l := p.lanes[j.lane]
	if l == nil {
		l = &lane{interactive: newClass(), bulk: newClass(), running: map[string]bool{}}
		p.lanes[j.lane] = l
	}
	p.lane[j.id] = j.lane
	l.class(j.bulk).add(j)
}

// remove takes a job out of line or off its place; took, if not 0, is how long it ran.
func (p *pacer) remove(id string, took time.Duration) {
	l := p.lanes[p.lane[id]]
	if l == nil {
		return
	}
	l.interactive.remove(id)
	l.bulk.remove(id)
	delete(l.running, id)
	if took > 0 {
		l.typical = smooth(l.typical, took)
	}
	if l.empty() && l.holdUntil.IsZero() { // a hold outlives the job that met it
		delete(p.lanes, p.lane[id])
	}
	delete(p.lane, id)
}

// hold keeps a lane from starting anything until a time, as the provider asked.
func (p *pacer) hold(laneID string, until time.Time) {
	if l := p.lanes[laneID]; l != nil && until.After(l.holdUntil) {
		l.holdUntil = until
	}
}

// next takes the jobs whose turn it is on the lanes that are owned, and says when to ask again if a hold is the
// reason that nothing more may start (zero: not before something changes).
func (p *pacer) next(now time.Time, owned func(lane string) bool) (jobs []job, again time.Time) {
	for id, l := range p.lanes {
		if !owned(id) || l.waiting() == 0 {
			continue
		}
		if now.Before(l.holdUntil) {
			if again.IsZero() || l.holdUntil.Before(again) {
				again = l.holdUntil
			}
			continue
		}
		for len(l.running) < laneConcurrency {
			j, ok := l.take()
			if !ok {
				break
			}
			l.running[j.id] = true
			jobs = append(jobs, j)
		}
	}
	return jobs, again
}

// waiting is how many jobs are in line on the lanes that are owned.
func (p *pacer) waiting(owned func(lane string) bool) (n int) {
	for id, l := range p.lanes {
		if owned(id) {
			n += l.interactive.size() + l.bulk.size()
		}
	}
	return n
}

// place is a waiting job's place on its lane, from 1, and when it is expected to start; 0 when it does not wait.
func (p *pacer) place(id string, now time.Time) (place int, wait time.Duration) {
	l := p.lanes[p.lane[id]]
	if l == nil || l.running[id] {
		return 0, 0
	}
	ahead := l.clone()
	for place = 1; ; place++ {
		j, ok := ahead.take()
		if !ok {
			return 0, 0
		}
		if j.id == id {
			break
		}
	}
	typical := l.typical
	if typical == 0 {
		typical = unknownTime
	}
	rounds := (len(l.running) + place - 1) / laneConcurrency
	wait = time.Duration(rounds) * typical
	return place, wait + max(0, l.holdUntil.Sub(now))
}

func (l *lane) class(bulk bool) *class {
	if bulk {
		return &l.bulk
	}
	return &l.interactive
}

func (l *lane) take() (job, bool) {
	if j, ok := l.interactive.take(); ok {
		return j, true
	}
	return l.bulk.take()
}

func (l *lane) waiting() int { return len(l.interactive.tenants) + len(l.bulk.tenants) }

func (l *lane) empty() bool { return l.waiting() == 0 && len(l.running) == 0 }

func (l *lane) clone() *lane { return &lane{interactive: l.interactive.clone(), bulk: l.bulk.clone()} }

// smooth lets the newest count for a quarter.
func smooth(old, took time.Duration) time.Duration {
	if old == 0 {
		return took
	}
	return old + (took-old)/4
}

func byAge(a, b job) int {
	switch {
	case a.sequence < b.sequence || a.sequence == b.sequence && a.index < b.index:
		return -1
	case a.id == b.id:
		return 0
	default:
		return 1
	}
}

func (c *class) add(j job) {
	if len(c.jobs[j.tenant]) == 0 {
		c.tenants = append(c.tenants, j.tenant)
	}
	at, _ := slices.BinarySearchFunc(c.jobs[j.tenant], j, byAge)
	c.jobs[j.tenant] = slices.Insert(c.jobs[j.tenant], at, j)
}
