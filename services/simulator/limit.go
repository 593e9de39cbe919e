package simulator

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// bucket refills all the time and holds one minute's limit.
type bucket struct {
	limit, has float64
	at         time.Time
}

// refill brings the bucket up to a time.
func (b *bucket) refill(now time.Time) {
	b.has = min(b.limit, b.has+now.Sub(b.at).Minutes()*b.limit)
	b.at = now
}

// wait is how long it takes until there are n: 0 when there are. It is rounded up to a millisecond, as less would send
// a client that waits exactly so long into the next refusal.
func (b *bucket) wait(n float64) time.Duration {
	const exact = 1e-6 // what floating point may add to a whole number of milliseconds
	ms := (n - b.has) / b.limit * float64(time.Minute/time.Millisecond)
	return time.Duration(max(0, math.Ceil(ms-exact))) * time.Millisecond
}

// full is how long it takes until the bucket is full: what OpenAI's reset headers say.
func (b *bucket) full() time.Duration {
	return time.Duration((b.limit - b.has) / b.limit * float64(time.Minute)).Round(time.Millisecond)
}

// spend takes a request's charge from its organisation's limits and says in headers what is left.
func (s *Server) spend(h http.Header, k Key, m Model, charge int, now time.Time) *refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	requests := s.bucket(k.Organization+"/"+m.ID+"/requests", m.RequestsPerMinute, now)
	tokens := s.bucket(k.Organization+"/"+m.ID+"/tokens", m.TokensPerMinute, now)
	if float64(charge) > tokens.limit {
		return &refusal{status: http.StatusTooManyRequests, kind: "tokens", code: "rate_limit_exceeded", message: fmt.Sprintf(
			"Request too large for %s in organization %s on tokens per min (TPM): Limit %d, Requested %d. The input or output "+
				"tokens must be reduced in order to run successfully.", m.ID, k.Organization, m.TokensPerMinute, charge)}
	}
	// Neither is taken from unless both have enough: a request refused for one limit must not use up the other.
	no := requests.refusal("requests", "requests per min (RPM)", 1, k, m)
	if no == nil {
		no = tokens.refusal("tokens", "tokens per min (TPM)", charge, k, m)
	}
	if no == nil {
		requests.has--
		tokens.has -= float64(charge)
	}
	if s.cfg.Flavour != "" {
		return no // servers of one's own say nothing of limits
	}
	for name, b := range map[string]*bucket{"Requests": requests, "Tokens": tokens} {
		h.Set("X-Ratelimit-Limit-"+name, strconv.Itoa(int(b.limit)))
		h.Set("X-Ratelimit-Remaining-"+name, strconv.Itoa(int(max(0, b.has))))
		h.Set("X-Ratelimit-Reset-"+name, b.full().String())
	}
	return no
}

// refusal is OpenAI's no to a request that needs n of what the bucket holds; nil when there are n.
func (b *bucket) refusal(kind, what string, n int, k Key, m Model) *refusal {
	wait := b.wait(float64(n))
	if wait == 0 {
		return nil
	}
	return &refusal{status: http.StatusTooManyRequests, kind: kind, code: "rate_limit_exceeded", retry: wait, message: fmt.Sprintf(
		"Rate limit reached for %s in organization %s on %s: Limit %d, Used %d, Requested %d. Please try again in %s.",
		m.ID, k.Organization, what, int(b.limit), int(math.Ceil(b.limit-b.has-1e-6)), n, wait)}
}

func (s *Server) bucket(name string, limit int, now time.Time) *bucket {
	b := s.buckets[name]
	if b == nil {
		b = &bucket{limit: float64(max(1, limit)), has: float64(max(1, limit)), at: now}
		s.buckets[name] = b
	}
	b.refill(now)
	return b
}
