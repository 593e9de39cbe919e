package keys

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// UpdateKey changes a key; see the contract.
func (s *Service) UpdateKey(ctx context.Context, req *keyv1.UpdateKeyRequest) (*keyv1.UpdateKeyResponse, error) {
	caller, err := identity.RequireAdmin(ctx)
	if err != nil {
		return nil, err
	}
	k, pos, err := s.update(ctx, caller, req)
	if err != nil {
		return nil, fault.Op("keys.update", err)
	}
	return &keyv1.UpdateKeyResponse{Key: s.shown(k), Position: pos.Encode()}, nil
}

func (s *Service) update(
	ctx context.Context, c identity.Caller, req *keyv1.UpdateKeyRequest,
) (*eventv1.KeySaved, stream.Position, error) {
	before, err := s.at(ctx, c.Tenant, req.GetId(), req.GetRevision())
	if err != nil {
		return nil, nil, err
	}
	d, err := s.edited(c.Tenant, before, req)
	if err != nil {
		return nil, nil, err
	}
	if err := s.nameFree(ctx, c.Tenant, before.GetId(), d); err != nil {
		return nil, nil, err // before the provider is asked, which takes seconds
	}
	after, err := s.changed(ctx, c.Tenant, before, d, req)
	if err != nil {
		return nil, nil, err
	}
	pos, err := s.commit(ctx, c, func(_ *view.Tx, all []*eventv1.KeySaved) (fact, error) {
		now, err := find(all, before.GetId())
		switch {
		case err != nil:
			return fact{}, err
		case !sameKey(now, before): // somebody was faster while the provider was asked
			return fact{}, stale(now)
		}
		if !asks(before, d, req) { // what was learned meanwhile stays
			keepTold(after, now)
		}
		if req.Secret == nil { // which may have been sealed anew, under another master key
			after.SealedSecret, after.SealedBefore = now.GetSealedSecret(), now.GetSealedBefore()
		}
		return savedFact(after), nameFree(all, now.GetId(), d)
	})
	return after, pos, err
}

// at returns the newest state of a key, which must be at a revision.
func (s *Service) at(ctx context.Context, tenant, id string, revision uint32) (*eventv1.KeySaved, error) {
	if revision == 0 {
		return nil, fault.New(fault.Invalid, "REVISION_REQUIRED", fault.Field("revision"))
	}
	k, err := s.newest(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	if k.GetRevision() != revision {
		return nil, stale(k)
	}
	return k, nil
}

// newest returns a key as the log's leader has it.
func (s *Service) newest(ctx context.Context, tenant, id string) (*eventv1.KeySaved, error) {
	if err := s.follower.Newest(ctx, guard(tenant)); err != nil {
		return nil, err
	}
	return s.get(tenant, id)
}

// edited is the key with the changes in it, and with its secret: the new one, else the stored one. A stored secret was
// given for one place, and whoever may edit a key must not thereby have it sent to a place of their own: another scheme,
// host or port needs the secret again.
func (s *Service) edited(tenant string, before *eventv1.KeySaved, req *keyv1.UpdateKeyRequest) (Draft, error) {
	d := draftOfSaved(before)
	for to, from := range map[*string]*string{
		&d.Name: req.Name, &d.OrganizationID: req.OrganizationId, &d.ProjectID: req.ProjectId, &d.BaseURL: req.BaseUrl,
		&d.Model: req.Model, &d.Deployment: req.Deployment, &d.APIVersion: req.ApiVersion, &d.Memo: req.Memo,
		&d.Secret: req.Secret,
	} {
		if from != nil {
			*to = *from
		}
	}
	if req.MaxOutputTokens != nil {
		d.MaxOutputTokens = req.GetMaxOutputTokens()
	}
	d, err := d.normal(s.defaults())
	if err != nil {
		return d, err
	}
	if req.Secret == nil {
		if hostOf(d.BaseURL) != hostOf(before.GetBaseUrl()) {
			return d, fault.New(fault.Unprocessable, "FIELD_REQUIRED", fault.Field("secret"),
				fault.Param("reason", "host_changed"))
		}
		if d.Secret, err = s.open(tenant, before); err != nil {
			return d, err
		}
	}
	return d, d.check()
}

// asks tells whether the provider has to be asked: whether anything changes that it sees.
func asks(before *eventv1.KeySaved, d Draft, req *keyv1.UpdateKeyRequest) bool {
	was := draftOfSaved(before)
	was.Name, was.Memo, was.MaxOutputTokens, was.Secret = d.Name, d.Memo, d.MaxOutputTokens, d.Secret
	return req.Secret != nil || was != d
}

// changed makes the key's next revision, and asks the provider if it must.
func (s *Service) changed(
	ctx context.Context, tenant string, before *eventv1.KeySaved, d Draft, req *keyv1.UpdateKeyRequest,
) (*eventv1.KeySaved, error) {
	after, ok := proto.Clone(before).(*eventv1.KeySaved)
	if !ok {
		return nil, fault.New(fault.Internal, "INTERNAL")
	}
	after.Revision++
	set(after, d)
	if !asks(before, d, req) {
		return after, nil
	}
	told, err := s.prove(ctx, d, req.GetSaveUnverified())
	if err != nil {
		return nil, err
	}
	tell(after, tenant, d, told)
	if req.Secret == nil {
		return after, nil // sealed for the same place
	}
	return after, s.sealInto(after, tenant, d.Secret, before.GetSecretVersion()+1)
}

// sameKey tells whether nobody has changed a key: what was learned of it may be newer.
func sameKey(a, b *eventv1.KeySaved) bool {
	return a.GetRevision() == b.GetRevision() && a.GetSecretVersion() == b.GetSecretVersion()
}

// keepTold takes over what a provider told of the same key.
func keepTold(k, from *eventv1.KeySaved) {
	k.Limits, k.ServedModel, k.OldLimit, k.Refused = from.GetLimits(), from.GetServedModel(), from.GetOldLimit(), from.GetRefused()
	k.ToldOrganization, k.ToldProject, k.Lane = from.GetToldOrganization(), from.GetToldProject(), from.GetLane()
	k.VerifiedAt, k.CheckedAt, k.ShutdownDate = from.GetVerifiedAt(), from.GetCheckedAt(), from.GetShutdownDate()
}
