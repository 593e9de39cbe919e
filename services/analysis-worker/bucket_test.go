package analysis

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// lineOf makes jobs of one tenant on one lane, each of some tokens.
func lineOf(tokens ...int) *pacer {
	p := newPacer()
	for i, n := range tokens {
		p.add(job{id: fmt.Sprint("j", i+1), tenant: "a", lane: "l", tokens: n, sequence: uint64(i + 1)})
	}
	return p
}

// at is some time of a lane's life, in seconds.
func at(began time.Time, seconds float64) time.Time {
	return began.Add(time.Duration(seconds * float64(time.Second)))
}

// started are those who start at a time.
func started(p *pacer, now time.Time, of func(string) (terms, bool)) []string {
	return idsOf(p.next(now, of).start)
}

func none() said { return said{left: -1} }

func TestARequestLeavesWhenTheLaneHasOneLeft(t *testing.T) {
	t.Parallel()
	began := time.Now()
	p, of := lineOf(1, 1, 1, 1, 1, 1, 1), limited(began, 60, 0)
	first := p.next(began, of)
	if len(first.start) != 0 || first.again.Sub(began).Round(10*time.Millisecond) != 1030*time.Millisecond {
		t.Fatalf("just taken over, %v start, and again after %s", idsOf(first.start), first.again.Sub(began))
	}
	if got := started(p, first.again.Add(-time.Millisecond), of); len(got) != 0 {
		t.Errorf("too early: %v", got)
	}
	if got := started(p, first.again, of); len(got) != 1 {
		t.Errorf("when told: %v", got)
	}
	// Three seconds later there are two more, and what the first did not need is not given to others.
	if got := started(p, first.again.Add(3*time.Second), of); len(got) != 2 {
		t.Errorf("later: %v", got)
	}
	if place, wait := p.place("j7", first.again.Add(3*time.Second), of); place != 4 || wait.Round(time.Second) != unknownTime {
		t.Errorf("the last is at %d and starts in %s", place, wait)
	}
	for _, id := range []string{"j1", "j2", "j3"} {
		p.sent(id)
		p.remove(id, time.Millisecond)
	}
	if place, wait := p.place("j7", first.again.Add(3*time.Second), of); place != 4 || wait.Round(time.Second) != 3*time.Second {
		t.Errorf("when each is quick the last is at %d and starts in %s", place, wait)
	}
}

// Many jobs at once, each done as soon as it starts: in no window more leave than the bucket holds and is filled with.
func TestNoWindowHasMoreRequestsThanTheBucket(t *testing.T) {
	t.Parallel()
	began := time.Now()
	const jobs, limit = 400, 240
	p := lineOf(slices.Repeat([]int{1}, jobs)...)
	now, times := began.Add(20*time.Second), []time.Time{}
	for len(times) < jobs {
		d := p.next(now, limited(began, limit, 0))
		for _, j := range d.start {
			times = append(times, now)
			p.sent(j.id)
			p.remove(j.id, time.Millisecond)
		}
		if now = now.Add(time.Millisecond); len(d.start) == 0 {
			now = d.again
		}
	}
	for i := range times {
		if most := times[i].Sub(began).Seconds() * limit / 60; float64(i+1) > most {
			t.Fatalf("%d requests after %s", i+1, times[i].Sub(began))
		}
		for j := i + 1; j < len(times); j += 7 {
			if most := limit + times[j].Sub(times[i]).Seconds()*limit/60; float64(j-i+1) > most {
				t.Fatalf("%d requests within %s", j-i+1, times[j].Sub(times[i]))
			}
		}
	}
	t.Logf("%d requests took %s where %d a minute are allowed", jobs, times[jobs-1].Sub(began).Round(time.Millisecond), limit)
}

func TestWhatAnAnswerDidNotUseFlowsBackAndMoreIsTakenAfter(t *testing.T) {
	t.Parallel()
	began := time.Now()
	p, of := lineOf(600, 600, 600), limited(began, 0, 1000)
	now := at(began, 60)
	if got := started(p, now, of); len(got) != 1 {
		t.Fatalf("970 are there, and %v start", got)
	}
	p.sent("j1")
	p.answered("j1", answer{used: 100, requests: none(), tokens: none()}, now)
	p.remove("j1", time.Second)
	if got := started(p, now, of); !slices.Equal(got, []string{"j2"}) {
		t.Fatalf("870 are there, and %v start", got)
	}
	p.sent("j2")
	p.answered("j2", answer{used: 1240, requests: none(), tokens: none()}, now)
	p.remove("j2", time.Second)
	if d := p.next(now, of); len(d.start) != 0 || d.again.Sub(now).Round(time.Second) != 60*time.Second {
		t.Errorf("370 are owed: %v start, and again in %s", idsOf(d.start), d.again.Sub(now))
	}
}

func TestWhatNeverLeftCostsNothingAndWhatIsUnknownCostsAll(t *testing.T) {
	t.Parallel()
	began := time.Now()
	of, now := limited(began, 0, 1000), at(began, 60)
	for name, c := range map[string]struct {
		sent    bool
		started int
	}{"never left": {false, 1}, "no answer": {true, 0}} {
		p := lineOf(800, 800)
		started(p, now, of)
		if c.sent {
			p.sent("j1")
		}
		p.remove("j1", time.Second)
		if got := started(p, now, of); len(got) != c.started {
			t.Errorf("%s: then %v start", name, got)
		}
	}
	p := lineOf(100, 900)
	started(p, now, of)
	p.measure("j1", 500, now)
	if d := p.next(now, of); len(d.start) != 0 {
		t.Errorf("a question was longer than expected, and %v start", idsOf(d.start))
	}
}

func TestNoMoreIsUsedThanTheProviderSaysIsLeft(t *testing.T) {
	t.Parallel()
	began := time.Now()
	of, now := limited(began, 0, 60_000), at(began, 60)
	p := lineOf(100, 5000, 2000, 1)
	started(p, now, of)
	for _, id := range []string{"j1", "j2", "j3"} { // j4 has not left yet
		p.sent(id)
	}
	say := func(id string, left int64) {
		p.answered(id, answer{used: 100, requests: none(), tokens: said{60_000, left, time.Second}}, now)
	}
	say("j2", 5800) // of which 1800 are never used, 2000 will be taken by j3, and one by j4
	say("j1", 50_000)
	p.remove("j1", time.Second)
	p.add(job{id: "j5", tenant: "a", lane: "l", tokens: 2000, sequence: 5})
	d := p.next(now, of)
	if len(d.start) != 0 || d.again.Sub(now) > 10*time.Millisecond || !d.again.After(now) {
		t.Fatalf("1999 are left: %v start, and again in %s", idsOf(d.start), d.again.Sub(now))
	}
	if got := started(p, d.again, of); !slices.Equal(got, []string{"j5"}) {
		t.Errorf("when they are there, %v start", got)
	}
}

// Some count requests by the day and say so only by how long it takes until all are there again.
func TestALimitOfADayIsNotTakenForOneOfAMinute(t *testing.T) {
	t.Parallel()
	began := time.Now()
	of, now := limited(began, 14_400, 0), at(began, 60)
	p := lineOf(1, 1)
	p.next(now, of)
	p.remove("j2", 0)
	p.sent("j1")
	p.answered("j1", answer{used: 1, requests: said{14_400, 0, 24 * time.Hour}, tokens: none()}, now)
	p.add(job{id: "j3", tenant: "a", lane: "l", tokens: 1, sequence: 3})
	if d := p.next(now, of); len(d.start) != 0 || d.again.Sub(now).Round(100*time.Millisecond) != 8*time.Second {
		t.Errorf("%v start, and again in %s", idsOf(d.start), d.again.Sub(now))
	}
}

func TestAJobThatIsLargerThanTheBucketGoesWhenItIsFull(t *testing.T) {
	t.Parallel()
	began := time.Now()
	p, of := lineOf(5000, 1), limited(began, 0, 1000)
	d := p.next(at(began, 10), of)
	if len(d.start) != 0 || d.again.Sub(began).Round(time.Second) != time.Minute {
		t.Fatalf("%v start, and again after %s", idsOf(d.start), d.again.Sub(began))
	}
	full := d.again
	if got := started(p, full, of); !slices.Equal(got, []string{"j1"}) {
		t.Fatalf("when it is full, %v start", got)
	}
	d = p.next(full, of)
	if len(d.start) != 0 || d.again.Sub(full).Round(time.Second) != 249*time.Second {
		t.Errorf("4030 are owed: %v start, and again in %s", idsOf(d.start), d.again.Sub(full))
	}
}

func TestBucketsAreEmptyAfterATakeover(t *testing.T) {
	t.Parallel()
	began := time.Now()
	now := at(began, 600)
	p := lineOf(1, 1, 1, 1)
	if got := started(p, now, limited(began, 120, 0)); len(got) != 4 {
		t.Fatalf("of a lane that it has had for long: %v", got)
	}
	for _, id := range []string{"j1", "j2", "j3", "j4"} {
		p.remove(id, time.Second)
	}
	p.next(at(now, 1), nobodys) // lost, and forgotten with nobody in it
	p.add(job{id: "j5", tenant: "a", lane: "l", tokens: 1, sequence: 5})
	taken := at(now, 3)
	if d := p.next(taken, limited(taken, 120, 0)); len(d.start) != 0 || d.again.Sub(taken).Round(10*time.Millisecond) != 520*time.Millisecond {
		t.Errorf("just taken over: %v start, and again after %s", idsOf(d.start), d.again.Sub(taken))
	}
	// A lane that nobody used for a while is forgotten, and begins full.
	p.remove("j5", 0)
	p.next(at(taken, 61), limited(taken, 120, 0))
	if len(p.lanes) != 0 {
		t.Fatal("it is kept")
	}
	p.add(job{id: "j6", tenant: "a", lane: "l", tokens: 1, sequence: 6})
	if got := started(p, at(taken, 61), limited(taken, 120, 0)); len(got) != 1 {
		t.Errorf("after a minute: %v", got)
	}
}

func TestALimitThatIsSetGoesFromTheNextTurnOn(t *testing.T) {
	t.Parallel()
	began := time.Now()
	p, now := lineOf(1, 1, 1, 1, 1, 1), at(began, 600)
	p.next(now, limited(began, 0, 0))
	for _, id := range []string{"j1", "j2", "j3", "j4"} {
		p.sent(id)
		p.remove(id, time.Second)
	}
	if d := p.next(now, limited(began, 60, 0)); len(d.start) != 0 || d.again.Sub(now).Round(10*time.Millisecond) != 1030*time.Millisecond {
		t.Errorf("with a limit %v start, and again in %s", idsOf(d.start), d.again.Sub(now))
	}
	if d := p.next(now, limited(began, 600, 0)); len(d.start) != 0 || d.again.Sub(now).Round(10*time.Millisecond) != 100*time.Millisecond {
		t.Errorf("with a higher one %v start, and again in %s", idsOf(d.start), d.again.Sub(now))
	}
	if got := started(p, now, limited(began, 0, 0)); len(got) != 2 {
		t.Errorf("without: %v", got)
	}
}

// Of a key that nobody has verified the first answer says the limit, and what is left of it.
func TestALimitThatAnAnswerSaysIsAsFullAsItSays(t *testing.T) {
	t.Parallel()
	began := time.Now()
	now := at(began, 600)
	for name, c := range map[string]struct {
		tokens  int64
		started int
	}{"the provider's own": {30_000, 1}, "a share": {20_000, 0}} {
		p := lineOf(5000)
		p.next(now, limited(began, 0, 0))
		p.sent("j1")
		p.answered("j1", answer{used: 1000, requests: none(), tokens: said{30_000, 25_000, 10 * time.Second}}, now)
		p.remove("j1", time.Second)
		p.add(job{id: "j2", tenant: "a", lane: "l", tokens: 5000, sequence: 2})
		if got := started(p, now, limited(began, 0, c.tokens)); len(got) != c.started {
			t.Errorf("%s: %v start", name, got)
		}
	}
}

func TestNothingFlowsInWhileTheProviderWishesToBeLeftAlone(t *testing.T) {
	t.Parallel()
	began := time.Now()
	p, of := lineOf(1, 1), limited(began, 60, 0)
	p.next(at(began, 2), of) // one of the two that are nearly there
	until := at(began, 32)
	p.hold("l", at(began, 2), until)
	p.remove("j1", time.Second)
	if d := p.next(at(began, 3), of); len(d.start) != 0 || d.again.Before(until) || d.again.After(at(began, 33)) {
		t.Errorf("%v start, and again after %s", idsOf(d.start), d.again.Sub(began))
	}
}

func TestWhoAsksOnceMoreGoesFirstAndPaysAgain(t *testing.T) {
	t.Parallel()
	began := time.Now()
	p, of := lineOf(1, 1, 1), limited(began, 60, 0)
	now := at(began, 1.1)
	p.next(now, of)
	p.sent("j1")
	p.answered("j1", answer{used: 0, requests: none(), tokens: none()}, now)
	p.repeat("j1")
	d := p.next(at(began, 2), of)
	if len(d.repeat)+len(d.start) != 0 || d.again.IsZero() {
		t.Fatalf("%v once more, and %v start", d.repeat, idsOf(d.start))
	}
	if d = p.next(d.again, of); !slices.Equal(d.repeat, []string{"j1"}) || len(d.start) != 0 {
		t.Fatalf("%v once more, and %v start", d.repeat, idsOf(d.start))
	}
	p.repeat("j1")
	if d = p.next(d.again, nobodys); !slices.Equal(d.repeat, []string{"j1"}) {
		t.Errorf("without its lane it waits for ever: %v", d.repeat)
	}
	p.repeat("j1")
	p.remove("j1", time.Second)
	if d = p.next(at(began, 60), of); len(d.repeat) != 0 || len(d.start) != 2 {
		t.Errorf("of one that has ended: %v, and %v start", d.repeat, idsOf(d.start))
	}
}

// Whatever the limits are and whatever comes of what was started: nobody waits for ever, and nobody is told to ask again at
// a time that has passed.
func TestEverybodyStartsInTheEndWhateverTheLimits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		began := time.Now()
		p, now := newPacer(), began
		of := limited(began, rapid.Int64Range(0, 100).Draw(t, "requests"), rapid.Int64Range(0, 20_000).Draw(t, "tokens"))
		jobs := rapid.IntRange(1, 30).Draw(t, "jobs")
		for n := range jobs {
			p.add(job{
				id: fmt.Sprint("j", n), lane: "l", tenant: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "tenant"),
				bulk: rapid.Bool().Draw(t, "bulk"), tokens: rapid.IntRange(1, 50_000).Draw(t, "cost"), sequence: uint64(n),
			})
		}
		left := map[string]bool{}
		for turn := 0; len(left) < jobs; turn++ {
			if turn > 50*jobs {
				t.Fatalf("%d of %d have started after %s", len(left), jobs, now.Sub(began))
			}
			d := p.next(now, of)
			for _, j := range d.start {
				if left[j.id] {
					t.Fatalf("%s starts twice", j.id)
				}
				left[j.id] = true
				p.sent(j.id)
				if rapid.Bool().Draw(t, "answered") {
					limit := rapid.Int64Range(0, 20_000).Draw(t, "limit")
					p.answered(j.id, answer{
						used: rapid.IntRange(-1, 60_000).Draw(t, "used"), requests: none(),
						tokens: said{limit, rapid.Int64Range(-1, limit).Draw(t, "left"), time.Second},
					}, now)
				}
				p.remove(j.id, time.Second)
			}
			if len(d.start) == 0 {
				if !d.again.After(now) {
					t.Fatalf("nothing starts, and it is to be asked again at %s, %s ago", d.again, now.Sub(d.again))
				}
				now = d.again
			}
		}
	})
}
