package analysis

import "time"

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
	tokens                 int    // what it is expected to cost, the whole answer that it may have included
	sequence               uint64 // of its request, by which older goes first
	index                  int    // within its request
	trace                  string // traceparent of its request
}

// pacer decides whose turn it is on every lane: interactive before bulk, then deficit round robin over tenants, then
// the oldest job; and when, by what the lane's limits leave. It only decides: it starts no goroutine and reads no clock. A
// waiting lane costs nothing.
type pacer struct {
	lanes map[string]*lane
	lane  map[string]string // job -> lane
}

// terms are on which a replica has a lane.
type terms struct {
	since            time.Time // when it took the lane over
	requests, tokens int64     // a minute; 0: no limit is known
}

func newPacer() *pacer { return &pacer{lanes: map[string]*lane{}, lane: map[string]string{}} }

// add puts a job in line; one that is there already stays where it is.
func (p *pacer) add(j job) {
	if _, known := p.lane[j.id]; known {
		return
	}
	l := p.lanes[j.lane]
	if l == nil {
		l = newLane()
		p.lanes[j.lane] = l
	}
	p.lane[j.id] = j.lane
	l.class(j.bulk).add(j)
}

// remove takes a job out of line or off its place; took, if not 0, is how long it ran. What a job was charged that has asked
// nobody flows back.
func (p *pacer) remove(id string, took time.Duration) {
	l := p.lanes[p.lane[id]]
	if l == nil {
		return
	}
	l.remove(id)
	if took > 0 {
		l.typical = smooth(l.typical, took)
	}
	delete(p.lane, id)
}

// hold keeps a lane from asking anything until a time, as the provider wished; nor does anything flow into its buckets.
func (p *pacer) hold(laneID string, now, until time.Time) {
	if l := p.lanes[laneID]; l != nil {
		l.hold(now, until)
	}
}

// decision is whose turn it is now.
type decision struct {
	start  []job     // from the line
	repeat []string  // running ones that may ask once more
	again  time.Time // when to ask the pacer again; zero: not before something changes
}

// next takes the jobs whose turn it is on the lanes that are owned, and charges them. Running jobs of lanes that are not
// owned any more may go on at once: they will see that they have lost their lane.
func (p *pacer) next(now time.Time, of func(lane string) (terms, bool)) (d decision) {
	for id, l := range p.lanes {
		t, owned := of(id)
		if !owned {
			d.repeat, l.again = append(d.repeat, l.again...), nil
		} else {
			l.follow(t, now)
		}
		switch {
		case l.empty() && (!owned || l.spare(now)):
			delete(p.lanes, id)
		case owned:
			l.next(now, &d)
		}
	}
	return d
}

// measure sets what a running job's question may cost, once that is known better than by its estimate.
func (p *pacer) measure(id string, tokens int, now time.Time) {
	if l, r := p.running(id); r != nil {
		l.measure(r, tokens, now)
	}
}

// sent notes that a running job's request leaves: from now on it may cost what it was charged.
func (p *pacer) sent(id string) {
	if l, r := p.running(id); r != nil {
		l.send(r)
	}
}

// repeat asks for another turn of a running job: next gives it before anything new is started on the lane.
func (p *pacer) repeat(id string) {
	if l, r := p.running(id); r != nil {
		l.again = append(l.again, id)
	}
}

// answer is what came of a request.
type answer struct {
	// used is what it cost in tokens; negative: nobody knows, and it stays charged as it is.
	used             int
	requests, tokens said
}

// answered settles a running job's charge and notes what the provider says is left.
func (p *pacer) answered(id string, a answer, now time.Time) {
	if l, r := p.running(id); r != nil {
		l.settle(r, a.used, now)
		l.listen(r, a, now)
	}
}

func (p *pacer) running(id string) (*lane, *run) {
	l := p.lanes[p.lane[id]]
	if l == nil {
		return nil, nil
	}
	return l, l.running[id]
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

// place is a waiting job's place on its lane, from 1, and when it is expected to start; 0 when it does not wait. Of a lane of
// another replica only its limits are known, and nothing is assumed to be left of them.
func (p *pacer) place(id string, now time.Time, of func(lane string) (terms, bool)) (place int, wait time.Duration) {
	l := p.lanes[p.lane[id]]
	if l == nil || l.running[id] != nil {
		return 0, 0
	}
	t, owned := of(p.lane[id])
	if !owned {
		t.since = now
	}
	return l.place(id, t, now)
}

// smooth lets the newest count for a quarter.
func smooth(old, took time.Duration) time.Duration {
	if old == 0 {
		return took
	}
	return old + (took-old)/4
}
