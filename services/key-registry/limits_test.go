package keys_test

import (
	"testing"

	"github.com/kikigaki/kikigaki/pkg/fault"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

func TestAShareOfTheLimitsCanBeSet(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.one()
	k := create(t, s, draft("Main"))
	set := func(revision uint32, l *eventv1.ProviderLimits) (*keyv1.Key, error) {
		res, err := s.OverrideLimits(admin(t), &keyv1.OverrideLimitsRequest{Id: k.GetId(), Revision: revision, Limits: l})
		return res.GetKey(), err
	}
	got, err := set(1, &eventv1.ProviderLimits{TokensPerMinute: 10_000})
	if err != nil || got.GetLimitOverrides().GetTokensPerMinute() != 10_000 || got.GetRevision() != 2 ||
		got.GetLimits().GetTokensPerMinute() != 30_000 {
		t.Fatalf("got %v, %v", got, err)
	}
	for name, c := range map[string]struct {
		revision uint32
		limits   *eventv1.ProviderLimits
		code     string
	}{
		"stale":     {1, nil, "REVISION_STALE"},
		"none":      {0, nil, "REVISION_REQUIRED"},
		"negative":  {2, &eventv1.ProviderLimits{RequestsPerMinute: -1}, "FIELD_INVALID"},
		"very high": {2, &eventv1.ProviderLimits{ContextWindow: 1_000_000_001}, "FIELD_INVALID"},
	} {
		if _, err := set(c.revision, c.limits); !fault.Is(err, c.code) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := set(2, &eventv1.ProviderLimits{}); err != nil || got.GetLimitOverrides() != nil || got.GetRevision() != 3 {
		t.Errorf("taken back: %v, %v", got, err)
	}
	if _, err := s.OverrideLimits(as(t, "a", identity.RoleUser), &keyv1.OverrideLimitsRequest{Id: k.GetId(), Revision: 3}); !fault.Is(err, "FORBIDDEN") {
		t.Errorf("a user: %v", err)
	}
	if got := b.actions(); len(got) != 3 || got[1] != "key.limited" {
		t.Errorf("recorded is %q", got)
	}
}
