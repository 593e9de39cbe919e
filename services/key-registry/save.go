package keys

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/services/internal/seal"
)

// prove verifies a draft. When the provider could not be asked at all, who saves may say that it is to be saved all the
// same: what was learned is then nothing. A refusal is never overridden.
func (s *Service) prove(ctx context.Context, d Draft, unverified bool) (learned, error) {
	told, err := s.verify(ctx, d)
	if unverified && fault.Is(err, "KEY_UNREACHABLE") {
		return learned{}, nil
	}
	return told, err
}

// sealed makes a key of a draft; from here on the secret is nowhere in the clear.
func (s *Service) sealed(tenant, id string, d Draft, told learned) (*eventv1.KeySaved, error) {
	k := &eventv1.KeySaved{Id: id, Revision: 1, Kind: d.Kind}
	set(k, d)
	tell(k, tenant, d, told)
	return k, s.sealInto(k, tenant, d.Secret, secretVersion)
}

// sealInto puts a secret into a key, bound to the key's host: the base URL must be the key's new one already.
func (s *Service) sealInto(k *eventv1.KeySaved, tenant, secret string, version uint32) error {
	sealed, err := s.sealer.Seal([]byte(secret), seal.Binding{
		Tenant: tenant, Key: k.GetId(), Version: version, Host: hostOf(k.GetBaseUrl()),
	})
	if err != nil {
		return err
	}
	k.SealedSecret, k.SecretVersion, k.SecretHint, k.SealedBefore = sealed, version, hint(secret), nil
	return nil
}

// set stores what people set, but for the secret.
func set(k *eventv1.KeySaved, d Draft) {
	k.Name, k.OrganizationId, k.ProjectId, k.BaseUrl = d.Name, d.OrganizationID, d.ProjectID, d.BaseURL
	k.Model, k.Deployment, k.ApiVersion = d.Model, d.Deployment, d.APIVersion
	k.MaxOutputTokens, k.Memo = d.MaxOutputTokens, d.Memo
}

// tell stores what the provider told, in place of what it told before.
func tell(k *eventv1.KeySaved, tenant string, d Draft, told learned) {
	k.Limits, k.ServedModel, k.OldLimit, k.Refused = told.limits, told.served, told.oldLimit, nil
	k.ToldOrganization, k.ToldProject = told.organization, told.project
	k.Lane = lane(tenant, k.GetId(), d, told)
	k.VerifiedAt, k.ShutdownDate = timestamp(told.at), timestamp(told.shutdown)
}

func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// draftOfSaved is a key as it would be entered, without its secret.
func draftOfSaved(k *eventv1.KeySaved) Draft {
	return Draft{
		Kind: k.GetKind(), Name: k.GetName(), OrganizationID: k.GetOrganizationId(), ProjectID: k.GetProjectId(),
		BaseURL: k.GetBaseUrl(), Model: k.GetModel(), Deployment: k.GetDeployment(), APIVersion: k.GetApiVersion(),
		MaxOutputTokens: k.GetMaxOutputTokens(), Memo: k.GetMemo(),
	}
}

// open opens a key's secret.
func (s *Service) open(tenant string, k *eventv1.KeySaved) (string, error) {
	secret, err := s.sealer.Open(k.GetSealedSecret(), bindingOf(tenant, k))
	return string(secret), err
}
