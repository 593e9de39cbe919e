package console

import (
	"net/http"

	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/services/internal/edge"
)

type limitsJSON struct {
	RequestsPerMinute int64 `json:"requestsPerMinute,omitempty"`
	TokensPerMinute   int64 `json:"tokensPerMinute,omitempty"`
	ContextWindow     int64 `json:"contextWindow,omitempty"`
}

type keyJSON struct {
	ID               string       `json:"id"`
	Kind             string       `json:"kind"`
	Name             string       `json:"name"`
	SecretHint       string       `json:"secretHint"`
	OrganizationID   string       `json:"organizationId"`
	ProjectID        string       `json:"projectId"`
	BaseURL          string       `json:"baseUrl"`
	Deployment       string       `json:"deployment"`
	APIVersion       string       `json:"apiVersion"`
	Model            string       `json:"model"`
	MaxOutputTokens  int32        `json:"maxOutputTokens"`
	Memo             string       `json:"memo"`
	Limits           limitsJSON   `json:"limits"`
	VerifiedAt       *string      `json:"verifiedAt"`
	ShutdownDate     *string      `json:"shutdownDate"`
	ServedModel      string       `json:"servedModel,omitempty"`
	ToldOrganization string       `json:"toldOrganization,omitempty"`
	ToldProject      string       `json:"toldProject,omitempty"`
	Refused          *refusedJSON `json:"refused,omitempty"`
	ModelFacts       *factsJSON   `json:"modelFacts,omitempty"`
	Revision         uint32       `json:"revision"`
}

// refusedJSON is the provider's last no to a key that it had accepted before.
type refusedJSON struct {
	At       *string `json:"at"`
	Field    string  `json:"field"`
	Reason   string  `json:"reason"`
	Title    string  `json:"title"`
	Detail   string  `json:"detail"`
	Provider struct {
		Status    int32  `json:"status,omitempty"`
		Code      string `json:"code,omitempty"`
		Message   string `json:"message,omitempty"`
		RequestID string `json:"requestId,omitempty"`
	} `json:"provider"`
}

// factsJSON is what the data file about models says; prices are US dollars for a million tokens.
type factsJSON struct {
	Model         string `json:"model"`
	ContextWindow int64  `json:"contextWindow"`
	MaxOutput     int64  `json:"maxOutput"`
	Tokenizer     string `json:"tokenizer"`
	InputPrice    string `json:"inputPrice,omitempty"`
	CachedPrice   string `json:"cachedPrice,omitempty"`
	OutputPrice   string `json:"outputPrice,omitempty"`
	ShutdownDate  string `json:"shutdownDate,omitempty"`
	AsOf          string `json:"asOf"`
}

// keysFor makes keys in the language of a request.
func (s *Service) keysFor(r *http.Request) func(*keyv1.Key) keyJSON {
	locale := s.Edge.Locale(r)
	return func(k *keyv1.Key) keyJSON {
		out := keyOf(k)
		if no := k.GetRefused(); no != nil {
			out.Refused = &refusedJSON{At: edge.Time(no.GetAt()), Field: no.GetField(), Reason: no.GetReason()}
			out.Refused.Title, out.Refused.Detail = s.Texts.Problem(locale, "KEY_REFUSED", map[string]string{"reason": no.GetReason()})
			p := &out.Refused.Provider
			p.Status, p.Code, p.Message, p.RequestID = no.GetStatus(), no.GetCode(), no.GetMessage(), no.GetRequestId()
		}
		return out
	}
}

func keyOf(k *keyv1.Key) keyJSON {
	l := k.GetLimits()
	return keyJSON{
		ID: k.GetId(), Kind: k.GetKind(), Name: k.GetName(), SecretHint: k.GetSecretHint(),
		OrganizationID: k.GetOrganizationId(), ProjectID: k.GetProjectId(), BaseURL: k.GetBaseUrl(),
		Deployment: k.GetDeployment(), APIVersion: k.GetApiVersion(), Model: k.GetModel(),
		MaxOutputTokens: k.GetMaxOutputTokens(), Memo: k.GetMemo(), VerifiedAt: edge.Time(k.GetVerifiedAt()),
		ShutdownDate: edge.Time(k.GetShutdownDate()), Revision: k.GetRevision(), ServedModel: k.GetServedModel(),
		ToldOrganization: k.GetToldOrganization(), ToldProject: k.GetToldProject(), ModelFacts: factsOf(k.GetModelFacts()),
		Limits: limitsJSON{l.GetRequestsPerMinute(), l.GetTokensPerMinute(), l.GetContextWindow()},
	}
}

func factsOf(f *keyv1.ModelFacts) *factsJSON {
	if f == nil {
		return nil
	}
	return &factsJSON{
		f.GetModel(), f.GetContextWindow(), f.GetMaxOutput(), f.GetTokenizer(), f.GetInputPrice(), f.GetCachedPrice(),
		f.GetOutputPrice(), f.GetShutdownDate(), f.GetAsOf(),
	}
}

type newKey struct {
	Kind            string `json:"kind"`
	Name            string `json:"name"`
	Secret          string `json:"secret"`
	OrganizationID  string `json:"organizationId"`
	ProjectID       string `json:"projectId"`
	BaseURL         string `json:"baseUrl"`
	Deployment      string `json:"deployment"`
	APIVersion      string `json:"apiVersion"`
	Model           string `json:"model"`
	MaxOutputTokens int32  `json:"maxOutputTokens"`
	Memo            string `json:"memo"`
	SaveUnverified  bool   `json:"saveUnverified"`
}

func (s *Service) createKey(w http.ResponseWriter, r *http.Request) error {
	var b newKey
	if err := edge.Decode(w, r, edge.MaxBody, &b); err != nil {
		return err
	}
	res, err := s.Keys.CreateKey(r.Context(), &keyv1.CreateKeyRequest{Draft: &keyv1.KeyDraft{
		Kind: b.Kind, Name: b.Name, Secret: b.Secret, OrganizationId: b.OrganizationID, ProjectId: b.ProjectID,
		BaseUrl: b.BaseURL, Deployment: b.Deployment, ApiVersion: b.APIVersion, Model: b.Model,
		MaxOutputTokens: b.MaxOutputTokens, Memo: b.Memo,
	}, SaveUnverified: b.SaveUnverified})
	if err != nil {
		return err
	}
	return created(w, "/api/v1/keys/"+res.GetKey().GetId(), res.GetPosition(), s.keysFor(r)(res.GetKey()))
}

func (s *Service) listKeys(w http.ResponseWriter, r *http.Request) error {
	res, err := s.Keys.ListKeys(r.Context(), &keyv1.ListKeysRequest{MinPosition: edge.Position(r)})
	if err != nil {
		return err
	}
	return listed(w, res.GetPosition(), "keys", convert(res.GetKeys(), s.keysFor(r)), nil)
}

func (s *Service) getKey(w http.ResponseWriter, r *http.Request) error {
	res, err := s.Keys.GetKey(r.Context(), &keyv1.GetKeyRequest{Id: r.PathValue("key"), MinPosition: edge.Position(r)})
	if err != nil {
		return err
	}
	return found(w, res.GetPosition(), s.keysFor(r)(res.GetKey()))
}

func (s *Service) deleteKey(w http.ResponseWriter, r *http.Request) error {
	revision, err := revisionOf(r)
	if err != nil {
		return err
	}
	res, err := s.Keys.DeleteKey(r.Context(), &keyv1.DeleteKeyRequest{Id: r.PathValue("key"), Revision: revision})
	return deleted(w, res.GetPosition(), err)
}
