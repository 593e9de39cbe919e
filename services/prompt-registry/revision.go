package prompts

import (
	"context"
	"strconv"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/view"
	promptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/prompt/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// ListPromptRevisions returns what is kept of a prompt's history; see the contract.
func (s *Service) ListPromptRevisions(
	ctx context.Context, req *promptv1.ListPromptRevisionsRequest,
) (*promptv1.ListPromptRevisionsResponse, error) {
	caller, history, pos, err := s.history(ctx, req.GetId(), req.GetMinPosition())
	if err != nil {
		return nil, err
	}
	out := &promptv1.ListPromptRevisionsResponse{Position: pos}
	err = s.follower.Read(func(tx *view.Tx) error {
		place, err := placeOf(tx, caller.Tenant, req.GetId())
		for i, p := range history {
			revision := &promptv1.PromptRevision{Prompt: placed(tx, caller, p, place)}
			if i+1 < len(history) {
				for _, d := range compare(history[i+1].Draft, p.Draft) {
					revision.Changed = append(revision.Changed, d.field)
				}
			}
			out.Revisions = append(out.Revisions, revision)
		}
		return err
	})
	return out, err
}

// ComparePromptRevisions tells what differs between two revisions; see the contract.
func (s *Service) ComparePromptRevisions(
	ctx context.Context, req *promptv1.ComparePromptRevisionsRequest,
) (*promptv1.ComparePromptRevisionsResponse, error) {
	_, history, pos, err := s.history(ctx, req.GetId(), req.GetMinPosition())
	if err != nil {
		return nil, err
	}
	from, to := req.GetFrom(), req.GetTo()
	if to == 0 {
		to = history[0].Revision
	}
	if from == 0 {
		from = to - 1
	}
	before, err := at(history, from)
	if err != nil {
		return nil, err
	}
	after, err := at(history, to)
	if err != nil {
		return nil, err
	}
	out := &promptv1.ComparePromptRevisionsResponse{From: from, To: to, Position: pos}
	for _, d := range compare(before.Draft, after.Draft) {
		change := &promptv1.PromptChange{Field: d.field, Before: d.before, After: d.after}
		for _, p := range d.parts {
			change.Parts = append(change.Parts, &promptv1.TextPart{Kind: p.kind, Text: p.text})
		}
		out.Changes = append(out.Changes, change)
	}
	return out, nil
}

// history is what an administrator may read of a prompt's revisions, the newest first; NOT_FOUND without any.
func (s *Service) history(
	ctx context.Context, id, minPosition string,
) (c identity.Caller, list []Prompt, position string, err error) {
	if c, err = identity.RequireAdmin(ctx); err != nil {
		return c, nil, "", err
	}
	if err := s.follower.WaitPosition(ctx, minPosition); err != nil {
		return c, nil, "", err
	}
	position = s.follower.Position().Encode()
	err = s.follower.Read(func(tx *view.Tx) (err error) { list, err = readRevisions(tx, c.Tenant, id); return err })
	if err == nil && len(list) == 0 {
		err = unknown(id)
	}
	return c, list, position, err
}

// at finds a revision in a history.
func at(history []Prompt, revision uint32) (Prompt, error) {
	for _, p := range history {
		if p.Revision == revision {
			return p, nil
		}
	}
	return Prompt{}, notKept(revision)
}

func notKept(revision uint32) error {
	return fault.New(fault.NotFound, "NOT_FOUND", fault.Param("revision", strconv.FormatUint(uint64(revision), 10)))
}

func (s *Service) readRevision(caller identity.Caller, id string, revision uint32) (out *promptv1.Prompt, err error) {
	err = s.follower.Read(func(tx *view.Tx) error {
		value := tx.Get(revisionBucket, revisionKey(caller.Tenant, id, revision))
		if value == nil {
			return notKept(revision)
		}
		out, err = decodePlaced(tx, caller, value)
		return err
	})
	return out, err
}
