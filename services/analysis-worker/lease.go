package analysis

import (
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// shardCount is how many shards lanes are spread over. Changing it moves every lane: all replicas must agree.
	shardCount = 16
	// leaseTime is how long a lease outlives its last renewal; so long a killed replica's lanes stand still at most.
	leaseTime = 9 * time.Second
	// renewEvery is how often a lease is renewed.
	renewEvery = 3 * time.Second
	// trustFor is how long, counted from the moment its last successful renewal was sent, a replica believes in its
	// lease. It ends before the lease does, so that a replica that was stopped or cut off has ceased before another
	// may begin. Counted from the answer instead, a process stopped in between would send for as long as it slept.
	trustFor = 7 * time.Second
	// lookEvery is how often a replica looks at everybody's leases: what was handed back is taken up within it.
	lookEvery = 500 * time.Millisecond
)

const (
	workerLease = "worker-"
	shardLease  = "shard-"
)

// shardOf is the shard that a lane belongs to.
func shardOf(lane string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(lane))
	return int(h.Sum32() % shardCount)
}

func shardName(n int) string { return shardLease + strconv.Itoa(n) }

// held is a lease that this replica has.
type held struct {
	sequence uint64    // of its last renewal, which the next one expects
	sent     time.Time // when that renewal was sent; monotonic
	won      time.Time // when the first one was sent, by which it was taken up
}

// leases is what a replica knows of all leases. It only decides; see leaser for what is done.
type leases struct {
	me     string
	mine   map[string]held   // by name
	others map[string]string // name -> holder, as of the last look
	wait   time.Time         // until when nothing is taken up
}

// missed is how long nothing is taken up after leases of this replica were not seen any more. They are kept in memory:
// when the server went down, everybody's are gone at once, and whoever had one sees so at its next look.
const missed = 3 * lookEvery

// look takes notice of who holds what. A lease that this replica had and that is not seen as its own is lost, however
// young: somebody else may have it, or will. It tells whether one was.
func (l *leases) look(now time.Time, others map[string]string) (lost bool) {
	l.others = others
	for _, name := range sorted(l.mine) {
		if others[name] != l.me {
			delete(l.mine, name)
			lost = true
		}
	}
	if lost {
		l.wait = now.Add(missed)
	}
	return lost
}

// plan is what a replica has to do about leases now.
type plan struct {
	renew, acquire, release, forget []string
}

// plan decides: renew what is due, forget what can no longer be believed in (it is never renewed again: who was
// stopped starts anew), take up what is free while there is room, and hand back what is over an even share.
func (l *leases) plan(now time.Time) plan {
	var p plan
	mine := 0
	for _, name := range sorted(l.mine) {
		h := l.mine[name]
		switch age := now.Sub(h.sent); {
		case age >= trustFor:
			p.forget = append(p.forget, name)
			continue
		case age >= renewEvery:
			p.renew = append(p.renew, name)
		}
		if strings.HasPrefix(name, shardLease) {
			if mine++; mine > l.share() {
				p.release = append(p.release, name)
			}
		}
	}
	p.renew = slices.DeleteFunc(p.renew, func(n string) bool { return slices.Contains(p.release, n) })
	if now.Before(l.wait) {
		return p
	}
	if me := workerLease + l.me; !l.has(me) {
		p.acquire = append(p.acquire, me)
	}
	for n := 0; n < shardCount && mine < l.share(); n++ {
		if name := shardName(n); !l.has(name) && l.others[name] == "" {
			p.acquire = append(p.acquire, name)
			mine++
		}
	}
	return p
}

func (l *leases) has(name string) bool { _, ok := l.mine[name]; return ok }

// share is how many shards a replica may hold: an even part, rounded up.
func (l *leases) share() int {
	replicas := 1
	for name := range l.others {
		if strings.HasPrefix(name, workerLease) && name != workerLease+l.me {
			replicas++
		}
	}
	return (shardCount + replicas - 1) / replicas
}

// owns tells whether this replica may send for a lane now.
func (l *leases) owns(lane string, now time.Time) bool {
	h, ok := l.mine[shardName(shardOf(lane))]
	return ok && now.Sub(h.sent) < trustFor
}

func sorted(m map[string]held) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
