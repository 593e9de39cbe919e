package analysis

import (
	"cmp"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
)

// laneLimits is what the keys of a lane say of its limits, of whatever tenants they are.
type laneLimits struct {
	verified *eventv1.ProviderLimits // when the provider accepted one of them last
	at       time.Time
	set      *eventv1.ProviderLimits // the smallest shares that administrators have set
}

// readLaneLimits reads the keys, which are few.
func readLaneLimits(tx *view.Tx) (map[string]laneLimits, error) {
	out := map[string]laneLimits{}
	for _, value := range tx.Scan(keyBucket, nil, nil) {
		var k eventv1.KeySaved
		if err := proto.Unmarshal(value, &k); err != nil {
			return nil, err
		}
		out[k.GetLane()] = out[k.GetLane()].with(&k)
	}
	return out, nil
}

func (l laneLimits) with(k *eventv1.KeySaved) laneLimits {
	if at := timeOf(k.GetVerifiedAt()); l.verified == nil || at.After(l.at) {
		l.verified, l.at = k.GetLimits(), at
	}
	set := k.GetLimitOverrides()
	l.set = &eventv1.ProviderLimits{
		RequestsPerMinute: smaller(l.set.GetRequestsPerMinute(), set.GetRequestsPerMinute()),
		TokensPerMinute:   smaller(l.set.GetTokensPerMinute(), set.GetTokensPerMinute()),
	}
	return l
}

// effective is what goes on the lane, given what the provider said beside its last answer.
func (l laneLimits) effective(said *eventv1.RateLimits) *eventv1.ProviderLimits {
	p := provided(l.verified, said)
	return &eventv1.ProviderLimits{
		RequestsPerMinute: smaller(l.set.GetRequestsPerMinute(), p.GetRequestsPerMinute()),
		TokensPerMinute:   smaller(l.set.GetTokensPerMinute(), p.GetTokensPerMinute()),
	}
}

// provided are the provider's own limits: what it said last, else when the key was verified. Each for itself; 0 where it has
// not said anything.
func provided(verified *eventv1.ProviderLimits, said *eventv1.RateLimits) *eventv1.ProviderLimits {
	return &eventv1.ProviderLimits{
		RequestsPerMinute: cmp.Or(said.GetRequests(), verified.GetRequestsPerMinute()),
		TokensPerMinute:   cmp.Or(said.GetTokens(), verified.GetTokensPerMinute()),
	}
}

// smaller is the smaller of two limits, of which 0 is none.
func smaller(a, b int64) int64 {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// readLimits reads what keys say of their lanes, when one has changed.
func (p *pool) readLimits() error {
	p.mu.Lock()
	due := p.rekeyed
	p.rekeyed = false
	p.mu.Unlock()
	if !due {
		return nil
	}
	var said map[string]laneLimits
	err := p.s.follower.Read(func(tx *view.Tx) (err error) { said, err = readLaneLimits(tx); return err })
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.rekeyed = true
		return err
	}
	p.said = said
	return nil
}

// terms are on which this replica has a lane, and whether it has it. The caller holds the lock.
func (p *pool) terms(lane string) (terms, bool) {
	since, owned := p.leaser.since(lane)
	limits := p.said[lane].effective(p.s.usage.last(lane))
	return terms{since: since, requests: limits.GetRequestsPerMinute(), tokens: limits.GetTokensPerMinute()}, owned
}
