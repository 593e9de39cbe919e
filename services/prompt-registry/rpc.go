package prompts

import (
	"cmp"
	"context"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	promptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/prompt/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	"github.com/kikigaki/kikigaki/services/internal/ids"
)

// CreatePrompt adds a prompt; see the contract.
func (s *Service) CreatePrompt(
	ctx context.Context, req *promptv1.CreatePromptRequest,
) (*promptv1.CreatePromptResponse, error) {
	caller, err := identity.RequireAdmin(ctx)
	if err != nil {
		return nil, err
	}
	p, pos, err := s.create(ctx, caller, draftOf(req.GetDraft()))
	if err != nil {
		return nil, fault.Op("prompts.create", err)
	}
	out, err := s.show(caller, p)
	return &promptv1.CreatePromptResponse{Prompt: out, Position: pos.Encode()}, err
}

func (s *Service) create(ctx context.Context, c identity.Caller, d Draft) (Prompt, stream.Position, error) {
	d = d.normal()
	if err := d.check(); err != nil {
		return Prompt{}, nil, err
	}
	if err := s.newestKeys(ctx, c.Tenant); err != nil {
		return Prompt{}, nil, err
	}
	id := ids.New("prompt")
	var p Prompt
	pos, err := s.commit(ctx, c, func(tx *view.Tx, st state) (fact, error) {
		if err := keyExists(tx, c.Tenant, d); err != nil {
			return fact{}, err
		}
		var err error
		p, err = create(st.prompts, id, d)
		return savedFact(p), err
	})
	return p, pos, err
}

// newestKeys brings the view up to the keys that the leader has: one made a moment ago may be used at once.
func (s *Service) newestKeys(ctx context.Context, tenant string) error {
	return s.follower.Newest(ctx, stream.NewGuard(subject.Keys, subject.KeyGuard(tenant)))
}

// UpdatePrompt changes a prompt; see the contract.
func (s *Service) UpdatePrompt(
	ctx context.Context, req *promptv1.UpdatePromptRequest,
) (*promptv1.UpdatePromptResponse, error) {
	caller, err := identity.RequireAdmin(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.newestKeys(ctx, caller.Tenant); err != nil {
		return nil, err
	}
	var p Prompt
	pos, err := s.commit(ctx, caller, func(tx *view.Tx, st state) (_ fact, err error) {
		p, err = change(st.prompts, req.GetId(), req.GetRevision(), func(d *Draft) error {
			edit(d, req)
			if *d = d.normal(); req.KeyId == nil && req.KeyKind == nil {
				return d.check() // a broken prompt may still get another text
			}
			return cmp.Or(d.check(), keyExists(tx, caller.Tenant, *d))
		})
		return savedFact(p), err
	})
	if err != nil {
		return nil, fault.Op("prompts.update", err)
	}
	out, err := s.show(caller, p)
	return &promptv1.UpdatePromptResponse{Prompt: out, Position: pos.Encode()}, err
}

// DeletePrompt removes a prompt; see the contract.
func (s *Service) DeletePrompt(
	ctx context.Context, req *promptv1.DeletePromptRequest,
) (*promptv1.DeletePromptResponse, error) {
	caller, err := identity.RequireAdmin(ctx)
	if err != nil {
		return nil, err
	}
	pos, err := s.commit(ctx, caller, func(_ *view.Tx, st state) (fact, error) {
		p, err := remove(st.prompts, req.GetId(), req.GetRevision())
		return deletedFact(p), err
	})
	if err != nil {
		return nil, fault.Op("prompts.delete", err)
	}
	return &promptv1.DeletePromptResponse{Position: pos.Encode()}, nil
}

// ReorderPrompts replaces the order as a whole; see the contract.
func (s *Service) ReorderPrompts(
	ctx context.Context, req *promptv1.ReorderPromptsRequest,
) (*promptv1.ReorderPromptsResponse, error) {
	caller, err := identity.RequireAdmin(ctx)
	if err != nil {
		return nil, err
	}
	pos, err := s.commit(ctx, caller, func(_ *view.Tx, st state) (fact, error) {
		order, err := reorder(st.prompts, st.order, req.GetIds(), req.GetRevision())
		return orderedFact(order), err
	})
	if err != nil {
		return nil, fault.Op("prompts.reorder", err)
	}
	return &promptv1.ReorderPromptsResponse{Revision: req.GetRevision() + 1, Position: pos.Encode()}, nil
}

// MovePrompt puts one prompt to another place; see the contract.
func (s *Service) MovePrompt(
	ctx context.Context, req *promptv1.MovePromptRequest,
) (*promptv1.MovePromptResponse, error) {
	caller, err := identity.RequireAdmin(ctx)
	if err != nil {
		return nil, err
	}
	out := &promptv1.MovePromptResponse{}
	pos, err := s.commit(ctx, caller, func(_ *view.Tx, st state) (fact, error) {
		order, place, err := move(st.prompts, st.order, req.GetId(), req.GetTo(), req.GetPosition(), req.GetRevision())
		out.Place, out.Revision = uint32(place), order.Revision
		if err != nil || order.Revision == st.order.Revision {
			return fact{}, err
		}
		return orderedFact(order), nil
	})
	if err != nil {
		return nil, fault.Op("prompts.move", err)
	}
	out.Position = pos.Encode()
	return out, nil
}
