package console

import (
	"net/http"

	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/services/internal/edge"
)

type keyChange struct {
	Revision        uint32  `json:"revision"`
	Name            *string `json:"name"`
	Secret          *string `json:"secret"`
	OrganizationID  *string `json:"organizationId"`
	ProjectID       *string `json:"projectId"`
	BaseURL         *string `json:"baseUrl"`
	Deployment      *string `json:"deployment"`
	APIVersion      *string `json:"apiVersion"`
	Model           *string `json:"model"`
	MaxOutputTokens *int32  `json:"maxOutputTokens"`
	Memo            *string `json:"memo"`
	SaveUnverified  bool    `json:"saveUnverified"`
}

func (s *Service) updateKey(w http.ResponseWriter, r *http.Request) error {
	var b keyChange
	if err := edge.Decode(w, r, edge.MaxBody, &b); err != nil {
		return err
	}
	res, err := s.Keys.UpdateKey(r.Context(), &keyv1.UpdateKeyRequest{
		Id: r.PathValue("key"), Revision: b.Revision, Name: b.Name, Secret: b.Secret, OrganizationId: b.OrganizationID,
		ProjectId: b.ProjectID, BaseUrl: b.BaseURL, Deployment: b.Deployment, ApiVersion: b.APIVersion, Model: b.Model,
		MaxOutputTokens: b.MaxOutputTokens, Memo: b.Memo, SaveUnverified: b.SaveUnverified,
	})
	if err != nil {
		return err
	}
	return found(w, res.GetPosition(), s.keysFor(r)(res.GetKey()))
}

func (s *Service) verifyKey(w http.ResponseWriter, r *http.Request) error {
	res, err := s.Keys.VerifyKey(r.Context(), &keyv1.VerifyKeyRequest{Id: r.PathValue("key")})
	if err != nil {
		return err
	}
	return found(w, res.GetPosition(), s.keysFor(r)(res.GetKey()))
}

type keyFormJSON struct {
	Kinds        []keyKindJSON `json:"kinds"`
	Models       []*factsJSON  `json:"models"`
	DefaultModel string        `json:"defaultModel"`
	ModelsAsOf   string        `json:"modelsAsOf"`
}

type keyKindJSON struct {
	Kind   string         `json:"kind"`
	Help   string         `json:"help"`
	Fields []keyFieldJSON `json:"fields"`
}

type keyFieldJSON struct {
	Name      string `json:"name"`
	Required  bool   `json:"required"`
	MaxLength int32  `json:"maxLength,omitempty"`
	Default   string `json:"default,omitempty"`
	Help      string `json:"help"`
}

// keyForm says what the form of a key has to know, with its help in the reader's language.
func (s *Service) keyForm(w http.ResponseWriter, r *http.Request) error {
	res, err := s.Keys.GetKeyForm(r.Context(), &keyv1.GetKeyFormRequest{})
	if err != nil {
		return err
	}
	locale := s.Edge.Locale(r)
	out := keyFormJSON{
		Models: convert(res.GetModels(), factsOf), DefaultModel: res.GetDefaultModel(), ModelsAsOf: res.GetModelsAsOf(),
	}
	for _, k := range res.GetKinds() {
		out.Kinds = append(out.Kinds, keyKindJSON{
			Kind: k.GetKind(), Help: s.Texts.KeyHelp(locale, k.GetKind(), ""),
			Fields: convert(k.GetFields(), func(f *keyv1.KeyFormField) keyFieldJSON {
				return keyFieldJSON{
					f.GetName(), f.GetRequired(), f.GetMaxLength(), f.GetDefaultValue(),
					s.Texts.KeyHelp(locale, k.GetKind(), f.GetName()),
				}
			}),
		})
	}
	w.Header().Set("Content-Language", locale)
	return edge.Encode(w, http.StatusOK, out)
}
