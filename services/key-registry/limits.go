package keys

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// maxLimit is the highest limit that can be set.
const maxLimit = 1_000_000_000

// OverrideLimits says how much of the account's limits may be used here; see the contract.
func (s *Service) OverrideLimits(ctx context.Context, req *keyv1.OverrideLimitsRequest) (*keyv1.OverrideLimitsResponse, error) {
	caller, err := identity.RequireAdmin(ctx)
	if err != nil {
		return nil, err
	}
	if err := checkLimits(req.GetLimits()); err != nil {
		return nil, err
	}
	if _, err := s.at(ctx, caller.Tenant, req.GetId(), req.GetRevision()); err != nil {
		return nil, err
	}
	var next *eventv1.KeySaved
	pos, err := s.commit(ctx, caller, func(_ *view.Tx, all []*eventv1.KeySaved) (fact, error) {
		k, err := find(all, req.GetId())
		if err != nil {
			return fact{}, err
		}
		if k.GetRevision() != req.GetRevision() {
			return fact{}, stale(k)
		}
		next = proto.CloneOf(k)
		next.Revision, next.LimitOverrides = k.GetRevision()+1, nil
		if proto.Size(req.GetLimits()) > 0 {
			next.LimitOverrides = req.GetLimits()
		}
		return savedFact(next).as(actionLimited), nil
	})
	if err != nil {
		return nil, fault.Op("keys.limits", err)
	}
	return &keyv1.OverrideLimitsResponse{Key: s.shown(next), Position: pos.Encode()}, nil
}

func checkLimits(l *eventv1.ProviderLimits) error {
	for _, c := range []struct {
		field string
		value int64
	}{
		{"requestsPerMinute", l.GetRequestsPerMinute()}, {"tokensPerMinute", l.GetTokensPerMinute()},
		{"contextWindow", l.GetContextWindow()},
	} {
		if c.value < 0 || c.value > maxLimit {
			return fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field(c.field),
				fault.Param("allowed", fmt.Sprintf("0-%d", maxLimit)))
		}
	}
	return nil
}
