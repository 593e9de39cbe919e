package analysis

import (
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/services/internal/llm"
	"github.com/kikigaki/kikigaki/services/internal/outbound"
)

// client makes a client that can reach the key's own host and no other, and what ends its connections.
func (s *Service) client(secret *keyv1.ReleaseSecretResponse) (client *llm.Client, end func(), err error) {
	http, err := outbound.Client(secret.GetBaseUrl(), s.cfg.Allow)
	if err != nil {
		return nil, nil, &ProviderError{Code: codeOther, Message: err.Error()}
	}
	k := secret.GetKey()
	client, err = llm.New(llm.Config{
		BaseURL: secret.GetBaseUrl(), Secret: llm.Secret(secret.GetSecret()), HTTPClient: http,
		OrganizationID: k.GetOrganizationId(), ProjectID: k.GetProjectId(), Azure: k.GetKind() == "azure_openai",
		Deployment: k.GetDeployment(), APIVersion: k.GetApiVersion(), OldLimit: k.GetOldLimit(),
	})
	return client, http.CloseIdleConnections, err
}
