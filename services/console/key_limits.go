package console

import (
	"net/http"

	analysisv1 "github.com/kikigaki/kikigaki/proto/kikigaki/analysis/v1"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/services/internal/edge"
)

// keyLimitsJSON is what is known of the limits that a key draws on.
type keyLimitsJSON struct {
	SharedWith []string   `json:"sharedWith"`
	Limits     limitsJSON `json:"limits"`
	Overrides  limitsJSON `json:"overrides"`
	Effective  limitsJSON `json:"effective"`
	Said       *saidJSON  `json:"said,omitempty"`
	// Used is what was asked and used in the last minute.
	Used struct {
		Requests int64 `json:"requests"`
		Tokens   int64 `json:"tokens"`
	} `json:"used"`
	// Running and Waiting are the analyses that draw on the limits now.
	Running int64 `json:"running"`
	Waiting int64 `json:"waiting"`
}

// saidJSON is what the provider said beside its last answer.
type saidJSON struct {
	At       *string   `json:"at"`
	Requests limitJSON `json:"requests"`
	Tokens   limitJSON `json:"tokens"`
}

type limitJSON struct {
	Limit         int64    `json:"limit"`
	Left          *int64   `json:"left,omitempty"`
	FullInSeconds *float64 `json:"fullInSeconds,omitempty"`
}

func limitsOf(l *eventv1.ProviderLimits) limitsJSON {
	return limitsJSON{l.GetRequestsPerMinute(), l.GetTokensPerMinute(), l.GetContextWindow()}
}

func (s *Service) getLimits(w http.ResponseWriter, r *http.Request) error {
	res, err := s.Analyses.GetKeyLimits(r.Context(), &analysisv1.GetKeyLimitsRequest{
		KeyId: r.PathValue("key"), MinPosition: edge.Position(r),
	})
	if err != nil {
		return err
	}
	out := keyLimitsJSON{
		SharedWith: convert(res.GetSharedWith(), func(name string) string { return name }),
		Limits:     limitsOf(res.GetLimits()), Overrides: limitsOf(res.GetOverrides()), Effective: limitsOf(res.GetEffective()),
	}
	out.Used.Requests, out.Used.Tokens = res.GetUsedRequests(), res.GetUsedTokens()
	out.Running, out.Waiting = res.GetRunning(), res.GetWaiting()
	if l := res.GetSaid(); l != nil {
		out.Said = &saidJSON{At: edge.Time(res.GetSaidAt()), Requests: limitJSON{Limit: l.GetRequests(), Left: l.RequestsLeft},
			Tokens: limitJSON{Limit: l.GetTokens(), Left: l.TokensLeft}}
		if d := l.GetRequestsFullIn(); d != nil {
			seconds := d.AsDuration().Seconds()
			out.Said.Requests.FullInSeconds = &seconds
		}
		if d := l.GetTokensFullIn(); d != nil {
			seconds := d.AsDuration().Seconds()
			out.Said.Tokens.FullInSeconds = &seconds
		}
	}
	return found(w, res.GetPosition(), out)
}

// overrideLimits says how much of the account's limits may be used here.
func (s *Service) overrideLimits(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		limitsJSON

		Revision uint32 `json:"revision"`
	}
	if err := edge.Decode(w, r, edge.MaxBody, &b); err != nil {
		return err
	}
	res, err := s.Keys.OverrideLimits(r.Context(), &keyv1.OverrideLimitsRequest{
		Id: r.PathValue("key"), Revision: b.Revision, Limits: &eventv1.ProviderLimits{
			RequestsPerMinute: b.RequestsPerMinute, TokensPerMinute: b.TokensPerMinute, ContextWindow: b.ContextWindow,
		},
	})
	if err != nil {
		return err
	}
	return found(w, res.GetPosition(), s.keysFor(r)(res.GetKey()))
}
