package keys

import (
	"context"
	"time"

	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	"github.com/kikigaki/kikigaki/services/internal/models"
)

func (s *Service) defaults() defaults {
	return defaults{baseURL: s.cfg.DefaultBaseURL, model: s.models.Default}
}

// GetKeyForm describes the form of a key; see the contract.
func (s *Service) GetKeyForm(ctx context.Context, _ *keyv1.GetKeyFormRequest) (*keyv1.GetKeyFormResponse, error) {
	if _, err := identity.RequireAdmin(ctx); err != nil {
		return nil, err
	}
	def := s.defaults()
	out := &keyv1.GetKeyFormResponse{DefaultModel: def.model, ModelsAsOf: s.models.Date, Kinds: forms(def)}
	for _, m := range s.models.Offered(time.Now()) {
		out.Models = append(out.Models, s.factsOf(m))
	}
	return out, nil
}

// forms are the fields of each kind in the order they are filled in.
func forms(def defaults) []*keyv1.KeyKindForm {
	field := func(name string, required bool, most int32, value string) *keyv1.KeyFormField {
		return &keyv1.KeyFormField{Name: name, Required: required, MaxLength: most, DefaultValue: value}
	}
	form := func(kind string, own ...*keyv1.KeyFormField) *keyv1.KeyKindForm {
		f := &keyv1.KeyKindForm{Kind: kind, Fields: []*keyv1.KeyFormField{
			field("name", true, maxName, ""), field("secret", true, maxSecret, ""),
		}}
		f.Fields = append(f.Fields, own...)
		f.Fields = append(f.Fields, field("maxOutputTokens", false, 0, "4000"), field("memo", false, maxMemo, ""))
		return f
	}
	return []*keyv1.KeyKindForm{
		form(KindOpenAI,
			field("organizationId", false, maxField, ""), field("projectId", false, maxField, ""),
			field("model", false, maxField, def.model), field("baseUrl", false, maxURL, def.baseURL)),
		form(KindAzure,
			field("baseUrl", true, maxURL, ""), field("deployment", false, maxField, ""),
			field("apiVersion", false, maxVersion, ""), field("model", true, maxField, "")),
		form(KindCompatible,
			field("baseUrl", true, maxURL, ""), field("model", true, maxField, ""),
			field("organizationId", false, maxField, ""), field("projectId", false, maxField, "")),
	}
}

// factsOf is what the data file says of a model.
func (s *Service) factsOf(m models.Model) *keyv1.ModelFacts {
	return &keyv1.ModelFacts{
		Model: m.Name, ContextWindow: m.Window, MaxOutput: m.MaxOutput, Tokenizer: m.Tokenizer, InputPrice: m.Input,
		CachedPrice: m.Cached, OutputPrice: m.Output, ShutdownDate: m.Shutdown, AsOf: s.models.Date,
	}
}

// shown is a key without its secret, and with what the data file knows of its model. What the file says is put in when a
// key is read and never stored: another file counts for every key from the next start on.
func (s *Service) shown(k *eventv1.KeySaved) *keyv1.Key {
	out := &keyv1.Key{
		Id: k.GetId(), Kind: k.GetKind(), Name: k.GetName(), SecretHint: k.GetSecretHint(),
		OrganizationId: k.GetOrganizationId(), ProjectId: k.GetProjectId(), BaseUrl: k.GetBaseUrl(), Model: k.GetModel(),
		MaxOutputTokens: k.GetMaxOutputTokens(), Memo: k.GetMemo(), Limits: k.GetLimits(), VerifiedAt: k.GetVerifiedAt(),
		ShutdownDate: k.GetShutdownDate(), Revision: k.GetRevision(), Lane: k.GetLane(),
		Deployment: k.GetDeployment(), ApiVersion: k.GetApiVersion(), ServedModel: k.GetServedModel(),
		ToldOrganization: k.GetToldOrganization(), ToldProject: k.GetToldProject(), OldLimit: k.GetOldLimit(),
		Refused: k.GetRefused(), LimitOverrides: k.GetLimitOverrides(),
	}
	m, known := s.models.Find(k.GetModel())
	if !known {
		return out
	}
	out.ModelFacts = s.factsOf(m)
	if out.GetLimits().GetContextWindow() == 0 {
		out.Limits = &eventv1.ProviderLimits{
			RequestsPerMinute: k.GetLimits().GetRequestsPerMinute(), TokensPerMinute: k.GetLimits().GetTokensPerMinute(),
			ContextWindow: m.Window,
		}
	}
	return out
}
