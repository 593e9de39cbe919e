package console

import (
	"net/http"
	"strconv"

	"github.com/kikigaki/kikigaki/pkg/fault"
	promptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/prompt/v1"
	"github.com/kikigaki/kikigaki/services/internal/edge"
)

// revisionJSON is a prompt as it was, and what was new about it.
type revisionJSON struct {
	promptJSON

	Changed []string `json:"changed"`
}

type changeJSON struct {
	Field  string     `json:"field"`
	Before string     `json:"before"`
	After  string     `json:"after"`
	Parts  []partJSON `json:"parts"`
}

type partJSON struct {
	Kind string `json:"kind"`
	Text string `json:"text"`
}

func changeOf(c *promptv1.PromptChange) changeJSON {
	parts := convert(c.GetParts(), func(p *promptv1.TextPart) partJSON { return partJSON{p.GetKind(), p.GetText()} })
	return changeJSON{c.GetField(), c.GetBefore(), c.GetAfter(), parts}
}

func (s *Service) listPromptRevisions(w http.ResponseWriter, r *http.Request) error {
	res, err := s.Prompts.ListPromptRevisions(r.Context(), &promptv1.ListPromptRevisionsRequest{
		Id: r.PathValue("prompt"), MinPosition: edge.Position(r),
	})
	if err != nil {
		return err
	}
	one := s.promptsFor(r)
	list := convert(res.GetRevisions(), func(v *promptv1.PromptRevision) revisionJSON {
		return revisionJSON{one(v.GetPrompt()), append([]string{}, v.GetChanged()...)}
	})
	return listed(w, res.GetPosition(), "revisions", list, nil)
}

func (s *Service) getPromptRevision(w http.ResponseWriter, r *http.Request) error {
	revision, err := number("revision", r.PathValue("revision"))
	if err != nil || revision == 0 {
		return fault.New(fault.NotFound, "NOT_FOUND", fault.Param("revision", r.PathValue("revision")))
	}
	res, err := s.Prompts.GetPrompt(r.Context(), &promptv1.GetPromptRequest{
		Id: r.PathValue("prompt"), Revision: revision, MinPosition: edge.Position(r),
	})
	if err != nil {
		return err
	}
	return found(w, res.GetPosition(), s.promptsFor(r)(res.GetPrompt()))
}

// comparePromptRevisions tells what differs between ?from= and ?to=; without them the newest and the one before it.
func (s *Service) comparePromptRevisions(w http.ResponseWriter, r *http.Request) error {
	from, err := number("from", r.URL.Query().Get("from"))
	if err != nil {
		return err
	}
	to, err := number("to", r.URL.Query().Get("to"))
	if err != nil {
		return err
	}
	res, err := s.Prompts.ComparePromptRevisions(r.Context(), &promptv1.ComparePromptRevisionsRequest{
		Id: r.PathValue("prompt"), From: from, To: to, MinPosition: edge.Position(r),
	})
	if err != nil {
		return err
	}
	return found(w, res.GetPosition(), map[string]any{
		"from": res.GetFrom(), "to": res.GetTo(), "changes": convert(res.GetChanges(), changeOf),
	})
}

// number reads a number of a request; 0 when it is absent.
func number(field, text string) (uint32, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, fault.New(fault.Invalid, "FIELD_INVALID", fault.Field(field))
	}
	return uint32(n), nil
}
