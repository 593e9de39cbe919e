package analysis

import (
	"context"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	analysisv1 "github.com/kikigaki/kikigaki/proto/kikigaki/analysis/v1"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	"github.com/kikigaki/kikigaki/services/internal/llm"
)

// usageTime is over how long use is added up: limits are counted by the minute.
const usageTime = time.Minute

// usage is what was asked and used of each lane lately, and what the provider said last. It comes from the log, so that
// every replica knows it, whoever asked. It begins empty with each start: until the first answer, what was learned when a key
// was verified counts.
type usage struct {
	mu    sync.Mutex
	lanes map[string]*laneUsage
}

type laneUsage struct {
	uses []use
	said *eventv1.RateLimits
	at   time.Time
}

// use is a request, or the tokens of an answer.
type use struct {
	at               time.Time
	requests, tokens int64
}

func newUsage() *usage { return &usage{lanes: map[string]*laneUsage{}} }

func (u *usage) lane(id string) *laneUsage {
	l := u.lanes[id]
	if l == nil {
		l = &laneUsage{}
		u.lanes[id] = l
	}
	return l
}

// add counts a use of a lane, and forgets what is older than a minute.
func (u *usage) add(lane string, one use) {
	u.mu.Lock()
	defer u.mu.Unlock()
	l := u.lane(lane)
	l.uses = append(l.uses, one)
	l.forget(one.at)
}

func (l *laneUsage) forget(now time.Time) {
	l.uses = slices.DeleteFunc(l.uses, func(old use) bool { return now.Sub(old.at) >= usageTime })
}

// say keeps what the provider said, unless something newer is known.
func (u *usage) say(lane string, said *eventv1.RateLimits, at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if l := u.lane(lane); said != nil && !at.Before(l.at) {
		l.said, l.at = said, at
	}
}

// last is what the provider said last of a lane; nil: nothing yet.
func (u *usage) last(lane string) *eventv1.RateLimits {
	u.mu.Lock()
	defer u.mu.Unlock()
	if l := u.lanes[lane]; l != nil {
		return l.said
	}
	return nil
}

// sum is what was used of a lane in the minute before a time, and what the provider said last and when.
func (u *usage) sum(lane string, now time.Time) (total use, said *eventv1.RateLimits, at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	l := u.lanes[lane]
	if l == nil {
		return total, nil, at
	}
	l.forget(now)
	for _, one := range l.uses {
		total.requests += one.requests
		total.tokens += one.tokens
	}
	return total, l.said, l.at
}

// countUsage adds up what a batch says of requests and answers of the last minute.
func (s *Service) countUsage(batch []stream.Message) {
	for _, m := range batch {
		_, tenant, rest, ok := subject.Parse(m.Subject)
		if !ok || m.Stream != subject.Calls || len(rest) != 3 || time.Since(m.Time) >= usageTime {
			continue
		}
		switch rest[2] {
		case subject.KindSent:
			s.usage.add(s.laneOf(tenant, rest[1]), use{at: m.Time, requests: 1})
		case subject.KindPiece:
			var event eventv1.CallEvent
			if proto.Unmarshal(m.Data, &event) != nil {
				continue // applying it has said so
			}
			lane, p := s.laneOf(tenant, rest[1]), event.GetPiece()
			s.usage.add(lane, use{at: m.Time, tokens: p.GetUsage().GetInputTokens() + p.GetUsage().GetOutputTokens()})
			s.usage.say(lane, p.GetRateLimits(), m.Time)
		}
	}
}

// laneOf is the lane of an analysis; "" of one that is gone.
func (s *Service) laneOf(tenant, id string) (lane string) {
	_ = s.follower.Read(func(tx *view.Tx) error {
		r, _, err := readRecord(tx, tenant, id)
		lane = r.Key.Lane
		return err
	})
	return lane
}

// rateLimits is what a provider said beside an answer; nil when it said nothing.
func rateLimits(l llm.Limits) *eventv1.RateLimits {
	if l.RequestsPerMinute == 0 && l.TokensPerMinute == 0 {
		return nil
	}
	out := &eventv1.RateLimits{Requests: l.RequestsPerMinute, Tokens: l.TokensPerMinute}
	if l.RequestsLeft >= 0 {
		out.RequestsLeft, out.RequestsFullIn = &l.RequestsLeft, durationpb.New(l.RequestsFullIn)
	}
	if l.TokensLeft >= 0 {
		out.TokensLeft, out.TokensFullIn = &l.TokensLeft, durationpb.New(l.TokensFullIn)
	}
	return out
}

// GetKeyLimits returns what is known of the limits that a key draws on; see the contract.
func (s *Service) GetKeyLimits(
	ctx context.Context, req *analysisv1.GetKeyLimitsRequest,
) (*analysisv1.GetKeyLimitsResponse, error) {
	caller, err := identity.RequireAdmin(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.follower.WaitPosition(ctx, req.GetMinPosition()); err != nil {
		return nil, err
	}
	out := &analysisv1.GetKeyLimitsResponse{Position: s.follower.Position().Encode()}
	k, err := s.key(ctx, caller.Tenant, req.GetKeyId())
	if err != nil {
		return nil, err
	}
	if k == nil {
		return nil, fault.New(fault.NotFound, "NOT_FOUND", fault.Param("key", req.GetKeyId()))
	}
	total, said, at := s.usage.sum(k.GetLane(), time.Now())
	out.Lane, out.Limits, out.Overrides = k.GetLane(), k.GetLimits(), k.GetLimitOverrides()
	out.Said, out.UsedRequests, out.UsedTokens = said, total.requests, total.tokens
	if said != nil {
		out.SaidAt = timestamppb.New(at)
	}
	if out.Effective, err = s.effective(k, said); err != nil {
		return nil, err
	}
	if out.SharedWith, err = s.sharing(caller.Tenant, k); err != nil {
		return nil, err
	}
	out.Running, out.Waiting, err = s.inLine(k.GetLane())
	return out, err
}

// inLine is how many analyses of a lane run and how many wait, of whichever replica they are. It is counted from the view,
// because only the replica that has the lane knows in memory what runs on it.
func (s *Service) inLine(lane string) (running, waiting int64, err error) {
	err = s.follower.Read(func(tx *view.Tx) error {
		queue, err := readQueue(tx)
		for _, r := range queue {
			switch {
			case r.Key.Lane != lane:
			case r.State == StateRunning:
				running++
			default:
				waiting++
			}
		}
		return err
	})
	return running, waiting, err
}

// effective is what goes for a key: its lane's limits, which it shares, and its own window.
func (s *Service) effective(k *eventv1.KeySaved, said *eventv1.RateLimits) (out *eventv1.ProviderLimits, err error) {
	var lanes map[string]laneLimits
	err = s.follower.Read(func(tx *view.Tx) (err error) { lanes, err = readLaneLimits(tx); return err })
	out = lanes[k.GetLane()].effective(said)
	out.ContextWindow = s.windows.of(k.GetLane(), k.GetLimits(), k.GetLimitOverrides(), time.Now())
	return out, err
}

// sharing are the names of a tenant's other keys in a key's lane.
func (s *Service) sharing(tenant string, k *eventv1.KeySaved) (names []string, err error) {
	err = s.follower.Read(func(tx *view.Tx) error {
		for _, value := range tx.Scan(keyBucket, key(tenant, ""), nil) {
			var other eventv1.KeySaved
			if err := proto.Unmarshal(value, &other); err != nil {
				return err
			}
			if other.GetLane() == k.GetLane() && other.GetId() != k.GetId() {
				names = append(names, other.GetName())
			}
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}
