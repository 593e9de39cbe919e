package analysis

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// model is a provider in a time of its own: two buckets of a minute, full at first, that are charged when a request comes
// in, by the provider's own estimate of its length and by the longest answer, and never given anything back.
type model struct {
	requests, tokens       float64 // limits of a minute
	hasRequests, hasTokens float64
	at                     time.Time
	others                 float64 // the part of the limits that somebody else uses, twice as much of it in every other half minute
	began                  time.Time
	charged                float64
	refused                int
}

func (m *model) refill(now time.Time) {
	minutes := now.Sub(m.at).Minutes()
	if int(m.at.Sub(m.began)/(30*time.Second))%2 == 1 {
		minutes *= 1 - 2*m.others
	}
	m.hasRequests = min(m.requests, m.hasRequests+minutes*m.requests)
	m.hasTokens = min(m.tokens, m.hasTokens+minutes*m.tokens)
	m.at = now
}

// ask charges a request, or refuses it and says how long to wait.
func (m *model) ask(now time.Time, tokens float64) (a answer, wait time.Duration) {
	m.refill(now)
	lack := max((1-m.hasRequests)/m.requests, (tokens-m.hasTokens)/m.tokens)
	if lack > 0 {
		m.refused++
		return answer{requests: none(), tokens: none()}, time.Duration(lack * float64(time.Minute))
	}
	m.hasRequests--
	m.hasTokens -= tokens
	m.charged += tokens
	full := func(limit, has float64) time.Duration {
		return time.Duration((limit - has) / limit * float64(time.Minute))
	}
	return answer{
		requests: said{int64(m.requests), int64(m.hasRequests), full(m.requests, m.hasRequests)},
		tokens:   said{int64(m.tokens), int64(m.hasTokens), full(m.tokens, m.hasTokens)},
	}, 0
}

// event is what happens at a time.
type event struct {
	at time.Time
	do func()
}

// play lets a lane ask a provider as fast as it may, for some time, with a line that never ends.
type play struct {
	*rand.Rand

	p      *pacer
	m      *model
	now    time.Time
	events []event
	next   int
	delay  time.Duration // of an answer, at most
}

func (g *play) later(d time.Duration, do func()) {
	e := event{g.now.Add(d), do}
	i, _ := slices.BinarySearchFunc(g.events, e, func(a, b event) int { return a.at.Compare(b.at) })
	g.events = slices.Insert(g.events, i, e)
}

// cost is a question of 300 to 6000 tokens that may be answered with 1000; the provider guesses up to 8 % beside it.
func (g *play) add() {
	g.next++
	g.p.add(job{id: fmt.Sprint("j", g.next), tenant: "a", lane: "l", tokens: 1300 + g.IntN(5700), sequence: uint64(g.next)})
}

func (g *play) send(id string, tokens int) {
	g.p.sent(id)
	guess := float64(tokens-1000)*(0.92+0.16*g.Float64()) + 1000
	g.later(time.Duration(20+g.IntN(80))*time.Millisecond, func() {
		a, wait := g.m.ask(g.now, guess)
		if wait > 0 {
			g.p.answered(id, a, g.now)
			g.p.hold("l", g.now, g.now.Add(wait))
			g.p.repeat(id)
			return
		}
		a.used = tokens - g.IntN(900)
		g.later(g.delay/4+time.Duration(g.Int64N(int64(g.delay))), func() {
			g.p.answered(id, a, g.now)
			g.p.remove(id, g.delay)
			g.add()
		})
	})
}

func (g *play) run(until time.Time, of func(string) (terms, bool)) {
	cost := map[string]int{}
	for g.now.Before(until) {
		d := g.p.next(g.now, of)
		for _, j := range d.start {
			cost[j.id] = j.tokens
			g.send(j.id, j.tokens)
		}
		for _, id := range d.repeat {
			g.send(id, cost[id])
		}
		switch {
		case len(d.start)+len(d.repeat) > 0:
		case len(g.events) > 0 && (d.again.IsZero() || !g.events[0].at.After(d.again)):
			e := g.events[0]
			g.events = g.events[1:]
			g.now = e.at
			e.do()
		default:
			g.now = d.again
		}
	}
}

// An hour against a provider, in a time of its own: it never has to refuse anything to whoever has its limits alone, and
// what it lets through is used. Where others use a quarter unseen, most of the rest is, and few requests are refused.
func TestAnHourAgainstAProviderThatRefusesWhatIsTooMuch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		requests, tokens, others, share float64
		refused                         int
	}{
		"by tokens":   {500, 200_000, 0, 0.95, 0},
		"by requests": {40, 2_000_000, 0, 0, 0},
		"small":       {500, 30_000, 0, 0.95, 0},
		"shared":      {500, 200_000, 0.25, 0.95, 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			m := &model{requests: c.requests, tokens: c.tokens, hasRequests: c.requests, hasTokens: c.tokens, at: began, began: began, others: c.others}
			g := &play{Rand: rand.New(rand.NewPCG(1, 2)), p: newPacer(), m: m, now: began, delay: 2 * time.Second}
			for range 20 {
				g.add()
			}
			of := limited(began, int64(c.requests), int64(c.tokens))
			g.run(began.Add(2*time.Minute), of)
			warm := m.charged
			g.run(began.Add(time.Hour), of)
			used := (m.charged - warm) / (c.tokens * (1 - c.others) * g.now.Sub(began.Add(2*time.Minute)).Minutes())
			t.Logf("%d requests, %.1f %% of the tokens that there were, %d refused", g.next-20, 100*used, m.refused)
			if m.refused > c.refused || used < c.share {
				t.Errorf("%d requests were refused, %.1f %% of the tokens were used", m.refused, 100*used)
			}
		})
	}
}
