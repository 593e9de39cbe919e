package keys

import (
	"context"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	"github.com/kikigaki/kikigaki/services/internal/seal"
)

// bindingOf is the place that a key's secret is sealed for. Whoever can write to the log but does not hold the master
// key cannot have it opened for another tenant, key or version, nor sent to another host.
func bindingOf(tenant string, k *eventv1.KeySaved) seal.Binding {
	return seal.Binding{
		Tenant: tenant, Key: k.GetId(), Version: k.GetSecretVersion(), Host: hostOf(k.GetBaseUrl()),
	}
}

// resealAll seals anew what lies under a master key that gives way to another, so that the old one can be taken away. It
// says so when nothing is left under it. What cannot be opened at all is an error: the master key it lies under is missing.
func (s *Service) resealAll(ctx context.Context) {
	outdated, lost, err := s.outdated()
	if err != nil {
		s.log.ErrorContext(ctx, "secrets that are to be sealed anew cannot be looked for", "error", err)
		return
	}
	for _, o := range lost {
		s.log.ErrorContext(ctx, "a secret opens under no master key that is given", "tenant", o.tenant, "key", o.key.GetId())
	}
	left := 0
	for _, o := range outdated {
		if slices.Contains(o.key.GetSealedBefore(), s.sealer.ID()) {
			left++ // this replica still seals with the old key
			continue
		}
		err := s.reseal(ctx, o.tenant, o.key.GetId())
		if ctx.Err() != nil {
			return
		}
		if err != nil && fault.KindOf(err) != fault.NotFound {
			left++
			s.log.WarnContext(ctx, "a secret could not be sealed anew and is tried again",
				"tenant", o.tenant, "key", o.key.GetId(), "error", err)
		}
	}
	if left == 0 && len(outdated) > 0 {
		s.log.InfoContext(ctx, "all secrets are sealed under the newest master key", "sealed anew", len(outdated))
	}
}

// outdated finds the keys whose secret is to be sealed anew, and those whose secret does not open.
func (s *Service) outdated() (old, lost []owned, err error) {
	err = s.follower.Read(func(tx *view.Tx) error {
		all, err := readAll(tx)
		for _, o := range all {
			switch s.liesUnder(o) {
			case underAnother:
				old = append(old, o)
			case underNone:
				lost = append(lost, o)
			}
		}
		return err
	})
	return old, lost, err
}

// reseal seals one secret anew as it is now, unless somebody else has. Nothing else of the key changes, its revision and
// the secret's version included: who has a form open, or a request at the provider, need not notice.
func (s *Service) reseal(ctx context.Context, tenant, id string) error {
	_, err := s.commit(ctx, identity.Caller{Tenant: tenant, Service: Name},
		func(_ *view.Tx, all []*eventv1.KeySaved) (fact, error) {
			k, err := find(all, id)
			if err != nil {
				return fact{}, err
			}
			at := bindingOf(tenant, k)
			if !s.sealer.Outdated(k.GetSealedSecret(), at) || slices.Contains(k.GetSealedBefore(), s.sealer.ID()) {
				return fact{}, nil
			}
			secret, err := s.sealer.Open(k.GetSealedSecret(), at)
			if err != nil {
				return fact{}, err
			}
			next := proto.CloneOf(k)
			next.SealedBefore = before(k, s.sealer)
			next.SealedSecret, err = s.sealer.Seal(secret, at)
			return savedFact(next).as(actionResealed), err
		})
	return err
}

// maxSealedBefore is how many master keys a secret remembers to have lain under.
const maxSealedBefore = 8

// before are the master keys that a secret has lain under once it is sealed anew.
func before(k *eventv1.KeySaved, s *seal.Sealer) []uint32 {
	ids := slices.Clone(k.GetSealedBefore())
	if id, ok := s.Under(k.GetSealedSecret()); ok {
		ids = append(ids, id)
	}
	return ids[max(0, len(ids)-maxSealedBefore):]
}
