package analysis

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// free are terms without limits.
func free(string) (terms, bool) { return terms{}, true }

// limited are terms of a lane that was taken over at a time.
func limited(since time.Time, requests, tokens int64) func(string) (terms, bool) {
	return func(string) (terms, bool) { return terms{since, requests, tokens}, true }
}

func nobodys(string) (terms, bool) { return terms{}, false }

func idsOf(jobs []job) (out []string) {
	for _, j := range jobs {
		out = append(out, j.id)
	}
	return out
}

// line makes jobs of one lane, in the order of their requests: "tenant/name", bulk with a "!" in front.
func line(names ...string) (p *pacer) {
	p = newPacer()
	for i, name := range names {
		j := job{id: name, lane: "l", tokens: quantum, sequence: uint64(i + 1)}
		if j.bulk = name[0] == '!'; j.bulk {
			name = name[1:]
		}
		j.tenant = name[:1]
		p.add(j)
	}
	return p
}

func TestInteractiveGoesFirstThenTenantsTakeTurns(t *testing.T) {
	t.Parallel()
	p := line("!a1", "a2", "a3", "a4", "b1", "c1", "!b2")
	now := time.Now()
	var order []string
	for range 4 {
		for _, id := range idsOf(p.next(now, free).start) {
			order = append(order, id)
			p.remove(id, time.Second)
		}
	}
	if len(order) != 7 {
		t.Fatalf("order %v", order)
	}
	first := slices.Sorted(slices.Values(order[:3]))
	if !slices.Equal(first, []string{"a2", "b1", "c1"}) || !slices.Equal(order[3:5], []string{"a3", "a4"}) {
		t.Errorf("a tenant with more waiting got more: %v", order)
	}
	if slices.Index(order, "!a1") < 5 || slices.Index(order, "!b2") < 5 {
		t.Errorf("bulk went before interactive: %v", order)
	}
}

func TestFourAtOnceOnALaneAndAHoldStopsIt(t *testing.T) {
	t.Parallel()
	p := line("a1", "a2", "a3", "a4", "a5", "a6")
	now := time.Now()
	if jobs := p.next(now, nobodys).start; len(jobs) != 0 {
		t.Fatalf("%d started on a lane that is not ours", len(jobs))
	}
	if jobs := p.next(now, free).start; len(jobs) != laneConcurrency {
		t.Fatalf("%d at once", len(jobs))
	}
	if more := p.next(now, free).start; len(more) != 0 {
		t.Fatalf("%d more", len(more))
	}
	if place, wait := p.place("a6", now, free); place != 2 || wait != unknownTime {
		t.Errorf("a6 is at %d, starts in %s", place, wait)
	}
	until := now.Add(3 * time.Second)
	p.hold("l", now, until)
	p.remove("a1", time.Second)
	if held := p.next(now, free); len(held.start) != 0 || !held.again.Equal(until) {
		t.Errorf("%d started on a held lane; asked again at %s", len(held.start), held.again)
	}
	if jobs := p.next(until, free).start; !slices.Equal(idsOf(jobs), []string{"a5"}) {
		t.Errorf("after the hold: %v", idsOf(jobs))
	}
}

func TestAJobStandsInLineOnce(t *testing.T) {
	t.Parallel()
	p := line("a1", "a1", "a2")
	now := time.Now()
	if jobs := p.next(now, free).start; len(jobs) != 2 {
		t.Fatalf("%v", idsOf(jobs))
	}
	p.remove("a1", 0)
	p.remove("a1", 0)
	p.remove("a2", 0)
	p.remove("unknown", 0)
	p.next(now.Add(time.Minute), free)
	if len(p.lanes) != 0 || len(p.lane) != 0 {
		t.Errorf("an empty lane costs something: %v %v", p.lanes, p.lane)
	}
}

// Whatever is added, started, held and removed in whatever order: nothing starts twice, no lane has more than its four,
// and everything starts in the end.
func TestNothingStartsTwiceAndNobodyStarves(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, now := newPacer(), time.Now()
		started, running := map[string]bool{}, map[string][]string{}
		take := func() {
			for _, j := range p.next(now, free).start {
				if started[j.id] {
					t.Fatalf("%s starts twice", j.id)
				}
				started[j.id] = true
				if running[j.lane] = append(running[j.lane], j.id); len(running[j.lane]) > laneConcurrency {
					t.Fatalf("%d at once on %s", len(running[j.lane]), j.lane)
				}
			}
		}
		added := rapid.IntRange(1, 40).Draw(t, "jobs")
		for n := range added {
			p.add(job{
				id: fmt.Sprint("j", n), lane: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "lane"),
				tenant: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "tenant"), bulk: rapid.Bool().Draw(t, "bulk"),
				tokens: rapid.IntRange(1, 5*quantum).Draw(t, "tokens"), sequence: uint64(n),
			})
			if rapid.Bool().Draw(t, "take") {
				take()
			}
		}
		for range 2 * added {
			take()
			for lane, list := range running {
				if len(list) > 0 {
					p.remove(list[0], time.Second)
					running[lane] = list[1:]
				}
			}
		}
		if len(started) != added {
			t.Fatalf("%d of %d have started", len(started), added)
		}
	})
}
