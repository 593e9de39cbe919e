package console

import (
	"net/http"

	promptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/prompt/v1"
	"github.com/kikigaki/kikigaki/services/internal/edge"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// promptJSON is a prompt; who may only choose one gets the members without omitempty.
type promptJSON struct {
	ID       string      `json:"id"`
	Name     string      `json:"name"`
	KeyKind  string      `json:"keyKind"`
	Position uint32      `json:"position"`
	Broken   *brokenJSON `json:"broken,omitempty"`
	*promptDetails
}

type promptDetails struct {
	KeyID    string `json:"keyId"`
	Text     string `json:"text"`
	Advanced bool   `json:"advanced"`
	MapText  string `json:"mapText"`
	Split    string `json:"split"`
	Memo     string `json:"memo"`
	Revision uint32 `json:"revision"`
	// ChangedAt and ChangedBy say when this revision was made, and whose it is.
	ChangedAt *string `json:"changedAt"`
	ChangedBy person  `json:"changedBy"`
}

// brokenJSON is why a prompt cannot be used, in the language of the request.
type brokenJSON struct {
	Code   string            `json:"code"`
	Title  string            `json:"title"`
	Params map[string]string `json:"params,omitempty"`
}

// promptsFor makes prompts as the caller of a request may see them.
func (s *Service) promptsFor(r *http.Request) func(*promptv1.Prompt) promptJSON {
	caller, _ := identity.From(r.Context())
	locale := s.Edge.Locale(r)
	return func(p *promptv1.Prompt) promptJSON {
		out := promptJSON{ID: p.GetId(), Name: p.GetName(), KeyKind: p.GetKeyKind(), Position: p.GetPosition()}
		if code := p.GetBrokenCode(); code != "" {
			title := s.Texts.Text(locale, "prompt.broken."+code, p.GetBrokenParams())
			out.Broken = &brokenJSON{code, title, p.GetBrokenParams()}
		}
		if caller.Role == identity.RoleSystemAdmin {
			out.promptDetails = &promptDetails{
				p.GetKeyId(), p.GetText(), p.GetAdvanced(), p.GetMapText(), p.GetSplit(), p.GetMemo(), p.GetRevision(),
				edge.Time(p.GetChangedAt()), person{p.GetChangedById(), p.GetChangedBy()},
			}
		}
		return out
	}
}

type newPrompt struct {
	Name     string `json:"name"`
	KeyKind  string `json:"keyKind"`
	KeyID    string `json:"keyId"`
	Text     string `json:"text"`
	Advanced bool   `json:"advanced"`
	MapText  string `json:"mapText"`
	Split    string `json:"split"`
	Memo     string `json:"memo"`
}

func (s *Service) createPrompt(w http.ResponseWriter, r *http.Request) error {
	var b newPrompt
	if err := edge.Decode(w, r, edge.MaxBody, &b); err != nil {
		return err
	}
	res, err := s.Prompts.CreatePrompt(r.Context(), &promptv1.CreatePromptRequest{Draft: &promptv1.PromptDraft{
		Name: b.Name, KeyKind: b.KeyKind, KeyId: b.KeyID, Text: b.Text, Advanced: b.Advanced, MapText: b.MapText,
		Split: b.Split, Memo: b.Memo,
	}})
	if err != nil {
		return err
	}
	return created(w, "/api/v1/prompts/"+res.GetPrompt().GetId(), res.GetPosition(), s.promptsFor(r)(res.GetPrompt()))
}

func (s *Service) createExamples(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		KeyID    string `json:"keyId"`
		Language string `json:"language"`
	}
	if err := edge.Decode(w, r, edge.MaxBody, &b); err != nil {
		return err
	}
	res, err := s.Prompts.CreateExamplePrompts(r.Context(), &promptv1.CreateExamplePromptsRequest{
		KeyId: b.KeyID, Language: b.Language,
	})
	if err != nil {
		return err
	}
	edge.SetPosition(w, res.GetPosition())
	w.Header().Set("Location", "/api/v1/prompts")
	return edge.Encode(w, http.StatusCreated, map[string]any{"prompts": convert(res.GetPrompts(), s.promptsFor(r))})
}

func (s *Service) listPrompts(w http.ResponseWriter, r *http.Request) error {
	res, err := s.Prompts.ListPrompts(r.Context(), &promptv1.ListPromptsRequest{MinPosition: edge.Position(r)})
	if err != nil {
		return err
	}
	return listed(w, res.GetPosition(), "prompts", convert(res.GetPrompts(), s.promptsFor(r)),
		map[string]any{"revision": res.GetRevision()})
}

func (s *Service) getPrompt(w http.ResponseWriter, r *http.Request) error {
	res, err := s.Prompts.GetPrompt(r.Context(), &promptv1.GetPromptRequest{
		Id: r.PathValue("prompt"), MinPosition: edge.Position(r),
	})
	if err != nil {
		return err
	}
	return found(w, res.GetPosition(), s.promptsFor(r)(res.GetPrompt()))
}

type promptChange struct {
	Revision uint32  `json:"revision"`
	Name     *string `json:"name"`
	KeyKind  *string `json:"keyKind"`
	KeyID    *string `json:"keyId"`
	Text     *string `json:"text"`
	Advanced *bool   `json:"advanced"`
	MapText  *string `json:"mapText"`
	Split    *string `json:"split"`
	Memo     *string `json:"memo"`
}

func (s *Service) updatePrompt(w http.ResponseWriter, r *http.Request) error {
	var b promptChange
	if err := edge.Decode(w, r, edge.MaxBody, &b); err != nil {
		return err
	}
	res, err := s.Prompts.UpdatePrompt(r.Context(), &promptv1.UpdatePromptRequest{
		Id: r.PathValue("prompt"), Revision: b.Revision, Name: b.Name, KeyKind: b.KeyKind, KeyId: b.KeyID, Text: b.Text,
		Advanced: b.Advanced, MapText: b.MapText, Split: b.Split, Memo: b.Memo,
	})
	if err != nil {
		return err
	}
	return found(w, res.GetPosition(), s.promptsFor(r)(res.GetPrompt()))
}

func (s *Service) deletePrompt(w http.ResponseWriter, r *http.Request) error {
	revision, err := revisionOf(r)
	if err != nil {
		return err
	}
	res, err := s.Prompts.DeletePrompt(r.Context(), &promptv1.DeletePromptRequest{
		Id: r.PathValue("prompt"), Revision: revision,
	})
	return deleted(w, res.GetPosition(), err)
}
