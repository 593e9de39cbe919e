package prompts

import (
	"context"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

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
	out := &promptv1.GetPromptResponse{Position: s.follower.Position().Encode()}
	if req.GetRevision() == 0 {
		out.Prompt, err = s.read(caller, req.GetId())
		return out, err
	}
	if !sees(caller) {
		return nil, fault.New(fault.Forbidden, "FORBIDDEN")
	}
	out.Prompt, err = s.readRevision(caller, req.GetId(), req.GetRevision())
	return out, err
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
		revision = st.order.Revision
		for i, p := range st.arranged() {
			list = append(list, placed(tx, caller, p, i+1))
		}
		return nil
	})
	return list, revision, err
}

func (s *Service) read(caller identity.Caller, id string) (out *promptv1.Prompt, err error) {
	err = s.follower.Read(func(tx *view.Tx) error {
		value := tx.Get(promptBucket, key(caller.Tenant, id))
		if value == nil {
			return unknown(id)
		}
		out, err = decodePlaced(tx, caller, value)
		return err
	})
	return out, err
}

// show is a prompt that was just written, as it was written: somebody may have changed or deleted it since, and the answer
// to a write that was done must not be that there is no such prompt.
func (s *Service) show(caller identity.Caller, p Prompt) (out *promptv1.Prompt, err error) {
	err = s.follower.Read(func(tx *view.Tx) error {
		value := tx.Get(revisionBucket, revisionKey(caller.Tenant, p.ID, p.Revision))
		if value == nil {
			out = placed(tx, caller, p, 0)
			return nil
		}
		out, err = decodePlaced(tx, caller, value)
		return err
	})
	return out, err
}

// decodePlaced is a prompt as it was stored, with its place in the order of now.
func decodePlaced(tx *view.Tx, caller identity.Caller, value []byte) (*promptv1.Prompt, error) {
	p, err := decodePrompt(value)
	if err != nil {
		return nil, err
	}
	place, err := placeOf(tx, caller.Tenant, p.ID)
	return placed(tx, caller, p, place), err
}

// placeOf is where a prompt is in the order, from 1; 0 when it is not in it any more.
func placeOf(tx *view.Tx, tenant, id string) (int, error) {
	st, err := readState(tx, tenant)
	return slices.IndexFunc(st.arranged(), func(p Prompt) bool { return p.ID == id }) + 1, err
}

func placed(tx *view.Tx, caller identity.Caller, p Prompt, place int) *promptv1.Prompt {
	return visible(caller, p, place, broken(p, readKey(tx, caller.Tenant, p.KeyID), time.Now()))
}

// sees tells whether a caller may see all of a prompt: administrators and services. Others see what they need to choose one.
func sees(caller identity.Caller) bool {
	return caller.Role == identity.RoleSystemAdmin || caller.IsService()
}

// visible is what a caller may see of a prompt.
func visible(caller identity.Caller, p Prompt, place int, b Broken) *promptv1.Prompt {
	out := &promptv1.Prompt{
		Id: p.ID, Name: p.Name, KeyKind: p.KeyKind,
		Position:   uint32(place),
		BrokenCode: b.Reason, BrokenParams: b.Params,
	}
	if !sees(caller) {
		return out
	}
	out.KeyId, out.Text, out.Advanced, out.MapText = p.KeyID, p.Text, p.Advanced, p.MapText
	out.Split, out.Memo, out.Revision = p.Split, p.Memo, p.Revision
	out.ChangedById, out.ChangedBy = p.Made.ByID, p.Made.By
	if !p.Made.At.IsZero() {
		out.ChangedAt = timestamppb.New(p.Made.At)
	}
	return out
}
