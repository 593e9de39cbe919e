package simulator

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// bucket refills all the time and holds one minute's limit.
type bucket struct {
	limit, has float64
	at         time.Time
}

// take takes n at a time; wait is how long it would be until there are n.
func (b *bucket) take(n float64, now time.Time) (wait time.Duration, ok bool) {
	b.has = min(b.limit, b.has+now.Sub(b.at).Minutes()*b.limit)
	b.at = now
	if b.has < n {
		return time.Duration((n - b.has) / b.limit * float64(time.Minute)), false
	}
	b.has -= n
	return 0, true
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
	used := tokens.limit - tokens.has
	wait, ok := tokens.take(float64(charge), now)
	if ok {
		wait, ok = requests.take(1, now)
	}
	for name, b := range map[string]*bucket{"Requests": requests, "Tokens": tokens} {
		h.Set("X-Ratelimit-Limit-"+name, strconv.Itoa(int(b.limit)))
		h.Set("X-Ratelimit-Remaining-"+name, strconv.Itoa(int(b.has)))
		h.Set("X-Ratelimit-Reset-"+name, b.full().String())
	}
	if ok {
		return nil
	}
	return &refusal{status: http.StatusTooManyRequests, kind: "tokens", code: "rate_limit_exceeded", retry: wait, message: fmt.Sprintf(
		"Rate limit reached for %s in organization %s on tokens per min (TPM): Limit %d, Used %d, Requested %d. Please try "+
			"again in %s.", m.ID, k.Organization, m.TokensPerMinute, int(used), charge, wait.Round(time.Millisecond))}
}

func (s *Server) bucket(name string, limit int, now time.Time) *bucket {
	b := s.buckets[name]
	if b == nil {
		b = &bucket{limit: float64(max(1, limit)), has: float64(max(1, limit)), at: now}
		s.buckets[name] = b
	}
	return b
}
