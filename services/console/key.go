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
	ID              string     `json:"id"`
	Kind            string     `json:"kind"`
	Name            string     `json:"name"`
	SecretHint      string     `json:"secretHint"`
	OrganizationID  string     `json:"organizationId"`
	ProjectID       string     `json:"projectId"`
	BaseURL         string     `json:"baseUrl"`
	Model           string     `json:"model"`
	MaxOutputTokens int32      `json:"maxOutputTokens"`
	Memo            string     `json:"memo"`
	Limits          limitsJSON `json:"limits"`
	VerifiedAt      *string    `json:"verifiedAt"`
	ShutdownDate    *string    `json:"shutdownDate"`
	Revision        uint32     `json:"revision"`
}

func keyOf(k *keyv1.Key) keyJSON {
	l := k.GetLimits()
	return keyJSON{
		ID: k.GetId(), Kind: k.GetKind(), Name: k.GetName(), SecretHint: k.GetSecretHint(),
		OrganizationID: k.GetOrganizationId(), ProjectID: k.GetProjectId(), BaseURL: k.GetBaseUrl(), Model: k.GetModel(),
		MaxOutputTokens: k.GetMaxOutputTokens(), Memo: k.GetMemo(), VerifiedAt: edge.Time(k.GetVerifiedAt()),
		ShutdownDate: edge.Time(k.GetShutdownDate()), Revision: k.GetRevision(),
		Limits: limitsJSON{l.GetRequestsPerMinute(), l.GetTokensPerMinute(), l.GetContextWindow()},
	}
}

type newKey struct {
	Kind            string `json:"kind"`
	Name            string `json:"name"`
	Secret          string `json:"secret"`
	OrganizationID  string `json:"organizationId"`
	ProjectID       string `json:"projectId"`
	BaseURL         string `json:"baseUrl"`
	Model           string `json:"model"`
	MaxOutputTokens int32  `json:"maxOutputTokens"`
	Memo            string `json:"memo"`
}

func (s *Service) createKey(w http.ResponseWriter, r *http.Request) error {
	var b newKey
	if err := edge.Decode(w, r, edge.MaxBody, &b); err != nil {
		return err
	}
	res, err := s.Keys.CreateKey(r.Context(), &keyv1.CreateKeyRequest{Draft: &keyv1.KeyDraft{
		Kind: b.Kind, Name: b.Name, Secret: b.Secret, OrganizationId: b.OrganizationID, ProjectId: b.ProjectID,
		BaseUrl: b.BaseURL, Model: b.Model, MaxOutputTokens: b.MaxOutputTokens, Memo: b.Memo,
	}})
	if err != nil {
		return err
	}
	return created(w, "/api/v1/keys/"+res.GetKey().GetId(), res.GetPosition(), keyOf(res.GetKey()))
}

func (s *Service) listKeys(w http.ResponseWriter, r *http.Request) error {
	res, err := s.Keys.ListKeys(r.Context(), &keyv1.ListKeysRequest{MinPosition: edge.Position(r)})
	if err != nil {
		return err
	}
	return listed(w, res.GetPosition(), "keys", convert(res.GetKeys(), keyOf), nil)
}

func (s *Service) getKey(w http.ResponseWriter, r *http.Request) error {
	res, err := s.Keys.GetKey(r.Context(), &keyv1.GetKeyRequest{Id: r.PathValue("key"), MinPosition: edge.Position(r)})
	if err != nil {
		return err
	}
	return found(w, res.GetPosition(), keyOf(res.GetKey()))
}

func (s *Service) deleteKey(w http.ResponseWriter, r *http.Request) error {
	revision, err := revisionOf(r)
	if err != nil {
		return err
	}
	res, err := s.Keys.DeleteKey(r.Context(), &keyv1.DeleteKeyRequest{Id: r.PathValue("key"), Revision: revision})
	return deleted(w, res.GetPosition(), err)
}
