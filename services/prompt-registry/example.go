package prompts

import (
	"context"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/view"
	promptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/prompt/v1"
	"github.com/kikigaki/kikigaki/services/internal/chars"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	"github.com/kikigaki/kikigaki/services/internal/ids"
)

// examples are the example prompts in a language (summary, keywords, customer voice, FAQ, QA check), for a key of a kind.
func (s *Service) examples(keyID, kind, language string) (drafts []Draft, err error) {
	for _, e := range s.texts.Examples(language) {
		d := Draft{Name: e.Name, KeyKind: kind, KeyID: keyID, Text: e.Text}.normal()
		if err := d.check(); err != nil {
			return nil, err
		}
		drafts = append(drafts, d)
	}
	return drafts, nil
}

// CreateExamplePrompts adds the five example prompts; see the contract. They come together: where there is no room for
// all that are missing, none is made, and nobody has to find out which ones are.
func (s *Service) CreateExamplePrompts(
	ctx context.Context, req *promptv1.CreateExamplePromptsRequest,
) (*promptv1.CreateExamplePromptsResponse, error) {
	caller, err := identity.RequireAdmin(ctx)
	if err != nil {
		return nil, err
	}
	if err := chars.OneOf("language", req.GetLanguage(), "ja", "en", "pt-BR"); err != nil {
		return nil, err
	}
	if err := s.newestKeys(ctx, caller.Tenant); err != nil {
		return nil, err
	}
	var made []Prompt
	pos, err := s.commitAll(ctx, caller, func(tx *view.Tx, st state) (facts []fact, err error) {
		if made, err = s.missingExamples(tx, caller.Tenant, st, req); err != nil {
			return nil, err
		}
		for _, p := range made {
			facts = append(facts, savedFact(p))
		}
		return facts, nil
	})
	if err != nil {
		return nil, fault.Op("prompts.examples", err)
	}
	out := &promptv1.CreateExamplePromptsResponse{Position: pos.Encode()}
	for _, p := range made {
		shown, err := s.show(caller, p)
		if err != nil {
			return nil, err
		}
		out.Prompts = append(out.Prompts, shown)
	}
	return out, nil
}

// missingExamples are the example prompts that are to be added, for a key that must exist.
func (s *Service) missingExamples(
	tx *view.Tx, tenant string, st state, req *promptv1.CreateExamplePromptsRequest,
) ([]Prompt, error) {
	k := readKey(tx, tenant, req.GetKeyId())
	if k == nil {
		return nil, fault.New(fault.Unprocessable, reasonKeyGone, fault.Field("keyId"))
	}
	drafts, err := s.examples(req.GetKeyId(), k.Kind, req.GetLanguage())
	if err != nil {
		return nil, err
	}
	return createAll(st.prompts, drafts, func() string { return ids.New("prompt") })
}
