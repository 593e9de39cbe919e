package console

import (
	"net/http"

	promptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/prompt/v1"
	"github.com/kikigaki/kikigaki/services/internal/edge"
)

func (s *Service) reorderPrompts(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		IDs      []string `json:"ids"`
		Revision *uint32  `json:"revision"`
	}
	if err := edge.Decode(w, r, edge.MaxBody, &b); err != nil {
		return err
	}
	if b.Revision == nil {
		return revisionRequired()
	}
	res, err := s.Prompts.ReorderPrompts(r.Context(), &promptv1.ReorderPromptsRequest{Ids: b.IDs, Revision: *b.Revision})
	if err != nil {
		return err
	}
	return found(w, res.GetPosition(), map[string]any{"revision": res.GetRevision()})
}

// movePrompt puts one prompt first ({"to":"top"}), last ({"to":"bottom"}) or at a place ({"position":3}).
func (s *Service) movePrompt(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		To       string  `json:"to"`
		Position uint32  `json:"position"`
		Revision *uint32 `json:"revision"`
	}
	if err := edge.Decode(w, r, edge.MaxBody, &b); err != nil {
		return err
	}
	if b.Revision == nil {
		return revisionRequired()
	}
	if b.To == "" {
		b.To = "position"
	}
	res, err := s.Prompts.MovePrompt(r.Context(), &promptv1.MovePromptRequest{
		Id: r.PathValue("prompt"), To: b.To, Position: b.Position, Revision: *b.Revision,
	})
	if err != nil {
		return err
	}
	return found(w, res.GetPosition(), map[string]any{"position": res.GetPlace(), "revision": res.GetRevision()})
}
