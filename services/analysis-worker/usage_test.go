package analysis

import (
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	analysisv1 "github.com/kikigaki/kikigaki/proto/kikigaki/analysis/v1"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

func TestUseIsThatOfTheLastMinute(t *testing.T) {
	t.Parallel()
	u, now := newUsage(), time.Now()
	u.add("l", use{at: now.Add(-time.Minute), requests: 1, tokens: 100})
	u.add("l", use{at: now.Add(-59 * time.Second), requests: 1})
	u.add("l", use{at: now, tokens: 7})
	u.add("other", use{at: now, requests: 9})
	u.say("l", &eventv1.RateLimits{Tokens: 2}, now)
	u.say("l", &eventv1.RateLimits{Tokens: 1}, now.Add(-time.Second))
	u.say("l", nil, now.Add(time.Second))
	total, said, at := u.sum("l", now)
	if total.requests != 1 || total.tokens != 7 || said.GetTokens() != 2 || !at.Equal(now) {
		t.Errorf("used %+v, said %v at %s", total, said, at)
	}
	if total, said, _ := u.sum("nothing", now); total.requests != 0 || said != nil {
		t.Errorf("of an unknown lane: %+v, %v", total, said)
	}
}

// Two replicas: one asks, both know.
func TestTheLimitsOfAKeyAreKnownToEveryReplica(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provider.left = "0"
	first, _ := w.worker()
	second, _ := w.worker()
	w.ended(first, w.request(t.Context(), first))
	admin := identity.With(t.Context(), identity.Caller{Tenant: "a", AccountID: "root", Role: identity.RoleSystemAdmin})
	for name, s := range map[string]*Service{"first": first, "second": second} {
		var got *analysisv1.GetKeyLimitsResponse
		w.eventually("the "+name+" to know", func() bool {
			res, err := s.GetKeyLimits(admin, &analysisv1.GetKeyLimitsRequest{KeyId: "k"})
			if err != nil {
				t.Fatal(err)
			}
			got = res
			return res.GetSaid() != nil
		})
		if got.GetLane() != "lane" || got.GetUsedRequests() != 1 || got.GetUsedTokens() != 42 ||
			got.GetSaid().GetRequestsLeft() != 499 || got.GetSaid().GetTokensLeft() != 0 || got.GetSaid().TokensLeft == nil ||
			got.GetSaid().GetTokensFullIn().AsDuration() != time.Minute || got.GetEffective().GetTokensPerMinute() != 200_000 {
			t.Errorf("the %s knows %v", name, got)
		}
	}
	if _, err := first.GetKeyLimits(admin, &analysisv1.GetKeyLimitsRequest{KeyId: "other"}); !fault.Is(err, "NOT_FOUND") {
		t.Errorf("an unknown key: %v", err)
	}
	user := identity.With(t.Context(), identity.Caller{Tenant: "a", AccountID: "ann", Role: identity.RoleUser})
	if _, err := first.GetKeyLimits(user, &analysisv1.GetKeyLimitsRequest{KeyId: "k"}); !fault.Is(err, "FORBIDDEN") {
		t.Errorf("a user: %v", err)
	}
}

// Of one request with two prompts the second waits for the first: whoever is asked counts one that runs and one that waits,
// and none once they have ended.
func TestWhatRunsAndWaitsOnALaneIsCountedByEveryReplica(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provider.hang = make(chan struct{})
	first, _ := w.worker()
	second, _ := w.worker()
	answer := sync.OnceFunc(func() { close(w.provider.hang) })
	t.Cleanup(answer) // before the replicas wait for it
	admin := identity.With(t.Context(), identity.Caller{Tenant: "a", AccountID: "root", Role: identity.RoleSystemAdmin,
		CallPermission: identity.PermissionEdit})
	res, err := first.RequestAnalyses(admin, &analysisv1.RequestAnalysesRequest{CallId: "c", PromptIds: []string{"p", "q"}})
	if err != nil {
		t.Fatal(err)
	}
	counted := func(running, waiting int64) {
		t.Helper()
		for name, s := range map[string]*Service{"first": first, "second": second} {
			w.eventually("the "+name+" to count", func() bool {
				got, err := s.GetKeyLimits(admin, &analysisv1.GetKeyLimitsRequest{KeyId: "k"})
				if err != nil {
					t.Fatal(err)
				}
				return got.GetRunning() == running && got.GetWaiting() == waiting
			})
		}
	}
	counted(1, 1)
	if running, waiting, err := second.inLine("another"); running != 0 || waiting != 0 || err != nil {
		t.Errorf("on another lane %d run and %d wait: %v", running, waiting, err)
	}
	answer()
	for _, a := range res.GetAnalyses() {
		w.ended(first, a.GetId())
	}
	counted(0, 0)
}

// What an administrator sets is a share of the account: less than the provider lets through, never more.
func TestTheSmallestShareOfALaneGoes(t *testing.T) {
	t.Parallel()
	now := time.Now()
	old := &eventv1.KeySaved{
		VerifiedAt:     timestamppb.New(now.Add(-time.Hour)),
		Limits:         &eventv1.ProviderLimits{RequestsPerMinute: 7, TokensPerMinute: 7000},
		LimitOverrides: &eventv1.ProviderLimits{RequestsPerMinute: 20, TokensPerMinute: 200},
	}
	young := &eventv1.KeySaved{
		VerifiedAt: timestamppb.New(now), Limits: &eventv1.ProviderLimits{RequestsPerMinute: 10, TokensPerMinute: 1000},
		LimitOverrides: &eventv1.ProviderLimits{TokensPerMinute: 300},
	}
	for name, lane := range map[string]laneLimits{
		"one way":       laneLimits{}.with(old).with(young),
		"the other way": laneLimits{}.with(young).with(old),
	} {
		if got := lane.effective(nil); got.GetRequestsPerMinute() != 10 || got.GetTokensPerMinute() != 200 {
			t.Errorf("%s: as verified %v", name, got)
		}
		said := &eventv1.RateLimits{Requests: 30, Tokens: 100}
		if got := lane.effective(said); got.GetRequestsPerMinute() != 20 || got.GetTokensPerMinute() != 100 {
			t.Errorf("%s: as said last %v", name, got)
		}
	}
	if got := (laneLimits{}).effective(nil); got.GetRequestsPerMinute() != 0 || got.GetTokensPerMinute() != 0 {
		t.Errorf("nobody has said anything: %v", got)
	}
}
