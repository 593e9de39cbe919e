package keys

import (
	"cmp"
	"context"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// VerifyKey asks the provider of a key again; see the contract.
func (s *Service) VerifyKey(ctx context.Context, req *keyv1.VerifyKeyRequest) (*keyv1.VerifyKeyResponse, error) {
	caller, err := identity.RequireAdmin(ctx)
	if err != nil {
		return nil, err
	}
	k, pos, err := s.reverify(ctx, caller, req.GetId())
	if err != nil {
		return nil, fault.Op("keys.verify", err)
	}
	return &keyv1.VerifyKeyResponse{Key: s.shown(k), Position: pos.Encode()}, nil
}

// reverify asks the provider and writes down what it says, also its no, which is returned as well. A key that somebody
// changed or deleted meanwhile is left alone: what was learned is not of it (REVISION_STALE, NOT_FOUND). KEY_UNREACHABLE
// says nothing of the key and writes nothing.
func (s *Service) reverify(ctx context.Context, c identity.Caller, id string) (*eventv1.KeySaved, stream.Position, error) {
	before, err := s.newest(ctx, c.Tenant, id)
	if err != nil {
		return nil, nil, err
	}
	d := draftOfSaved(before)
	if d.Secret, err = s.open(c.Tenant, before); err != nil {
		return nil, nil, err
	}
	told, no := s.verify(ctx, d)
	if no != nil && !fault.Is(no, "KEY_REFUSED") {
		return nil, nil, no
	}
	var after *eventv1.KeySaved
	pos, err := s.commit(ctx, c, func(_ *view.Tx, all []*eventv1.KeySaved) (fact, error) {
		now, err := find(all, id)
		if err != nil {
			return fact{}, err
		}
		if !sameKey(now, before) {
			return fact{}, stale(now)
		}
		after, _ = proto.Clone(now).(*eventv1.KeySaved)
		note(after, c.Tenant, d, told, no)
		return savedFact(after).as(actionVerified), nil
	})
	if err == nil {
		err = no
	}
	return after, pos, err
}

// note puts what came of asking again into a key: what the provider told, or its no. A no that goes on keeps the time when
// it began, by which it is told once.
func note(k *eventv1.KeySaved, tenant string, d Draft, told learned, no error) {
	k.CheckedAt = timestamppb.New(time.Now())
	if no != nil {
		was := k.GetRefused()
		k.Refused = refusalOf(no, time.Now())
		if was != nil && refusalType(was) == refusalType(k.GetRefused()) {
			k.Refused.At = was.GetAt()
		}
		return
	}
	last := k.GetLimits()
	tell(k, tenant, d, told)
	now := &eventv1.ProviderLimits{ // of what is not told this time, what it said last still stands
		RequestsPerMinute: told.limits.GetRequestsPerMinute(), TokensPerMinute: told.limits.GetTokensPerMinute(),
		ContextWindow: cmp.Or(told.limits.GetContextWindow(), last.GetContextWindow()),
	}
	if now.GetRequestsPerMinute() == 0 && now.GetTokensPerMinute() == 0 {
		now.RequestsPerMinute, now.TokensPerMinute = last.GetRequestsPerMinute(), last.GetTokensPerMinute()
	}
	k.Limits = now
}

// refusalOf is KEY_REFUSED as it is kept.
func refusalOf(no error, at time.Time) *eventv1.KeyRefusal {
	f, _ := fault.As(no)
	out := &eventv1.KeyRefusal{At: timestamppb.New(at), Field: f.Field, Reason: f.Params["reason"]}
	if p := f.Provider; p != nil {
		out.Status, out.Code, out.Message, out.RequestId = int32(p.Status), p.Code, p.Message, p.RequestID
	}
	return out
}
