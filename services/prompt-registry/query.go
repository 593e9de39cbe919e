package prompts

import (
	"context"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/view"
	promptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/prompt/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// GetPrompt returns one prompt; see the contract.
func (s *Service) GetPrompt(
	ctx context.Context, req *promptv1.GetPromptRequest,
) (*promptv1.GetPromptResponse, error) {
	caller, err := identity.From(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.follower.WaitPosition(ctx, req.GetMinPosition()); err != nil {
		return nil, err
	}
	if req.GetNewest() {
		if err := s.newest(ctx, caller.Tenant); err != nil {
			return nil, err
		}
	}
	pos := s.follower.Position()
	p, err := s.read(caller, req.GetId())
	return &promptv1.GetPromptResponse{Prompt: p, Position: pos.Encode()}, err
}

// newest brings the view up to what the leader has of the tenant's prompts and keys.
func (s *Service) newest(ctx context.Context, tenant string) error {
	if err := s.follower.Newest(ctx, guard(tenant)); err != nil {
		return err
	}
	return s.newestKeys(ctx, tenant)
}

// ListPrompts returns all prompts in display order; see the contract.
func (s *Service) ListPrompts(
	ctx context.Context, req *promptv1.ListPromptsRequest,
) (*promptv1.ListPromptsResponse, error) {
	caller, err := identity.From(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.follower.WaitPosition(ctx, req.GetMinPosition()); err != nil {
		return nil, err
	}
	out := &promptv1.ListPromptsResponse{Position: s.follower.Position().Encode()}
	out.Prompts, out.Revision, err = s.list(caller)
	return out, err
}

func (s *Service) list(caller identity.Caller) (list []*promptv1.Prompt, revision uint32, err error) {
	err = s.follower.Read(func(tx *view.Tx) error {
		st, err := readState(tx, caller.Tenant)
		if err != nil {
			return err
		}
		revision = st.revision
		for i, p := range st.arranged() {
			list = append(list, visible(caller, p, i+1, brokenCode(tx, caller.Tenant, p)))
		}
		return nil
	})
	return list, revision, err
}

func (s *Service) read(caller identity.Caller, id string) (*promptv1.Prompt, error) {
	list, _, err := s.list(caller)
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		if p.GetId() == id {
			return p, nil
		}
	}
	return nil, fault.New(fault.NotFound, "NOT_FOUND", fault.Param("prompt", id))
}

// visible is what a caller may see: administrators and services all of it, others what they need to choose a prompt.
func visible(caller identity.Caller, p Prompt, position int, broken string) *promptv1.Prompt {
	out := &promptv1.Prompt{
		Id: p.ID, Name: p.Name, KeyKind: p.KeyKind,
		Position:   uint32(position),
		BrokenCode: broken,
	}
	if caller.Role != identity.RoleSystemAdmin && !caller.IsService() {
		return out
	}
	out.KeyId, out.Text, out.Advanced, out.MapText = p.KeyID, p.Text, p.Advanced, p.MapText
	out.Split, out.Memo, out.Revision = p.Split, p.Memo, p.Revision
	return out
}
