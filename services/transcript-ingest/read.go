package ingest

import (
	"context"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

// GetTranscript returns what was said; see the contract. A revision that this replica does not have yet was perhaps
// acknowledged by another one a moment ago: it is not called missing before the leaders were asked.
func (s *Service) GetTranscript(
	ctx context.Context, req *transcriptv1.GetTranscriptRequest,
) (*transcriptv1.GetTranscriptResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.follower.WaitPosition(ctx, req.GetMinPosition()); err != nil {
		return nil, err
	}
	r := ref{caller.Tenant, req.GetCallId()}
	if !req.GetNewest() {
		out, err := s.transcript(r, req.GetRevision())
		if req.GetRevision() == 0 || fault.KindOf(err) != fault.NotFound {
			return out, err
		}
	}
	if err := s.newest(ctx, r); err != nil {
		return nil, err
	}
	return s.transcript(r, req.GetRevision())
}

// newest brings the view up to what the leaders have of a call: LIVE before parts. The other way round a fold between
// the two questions would hide words that are in neither answer.
func (s *Service) newest(ctx context.Context, r ref) error {
	for _, g := range []stream.Guard{r.callGuard(), r.liveGuard(), r.partGuard()} {
		if err := s.follower.Newest(ctx, g); err != nil {
			return err
		}
	}
	return nil
}

// transcript reads entries 1 to revision (0: all): those in parts, then those that are in none yet. NOT_FOUND when
// there are fewer.
func (s *Service) transcript(r ref, revision uint32) (*transcriptv1.GetTranscriptResponse, error) {
	out := &transcriptv1.GetTranscriptResponse{CallId: r.call, Position: s.follower.Position().Encode()}
	return out, s.follower.Read(func(tx *view.Tx) (err error) {
		if out.Call, err = readCall(tx, r); err != nil {
			return err
		}
		out.State, out.Revision = out.GetCall().GetState(), out.GetCall().GetRevision()
		if revision > out.GetRevision() {
			return fault.New(fault.NotFound, "NOT_FOUND", fault.Field("revision"))
		}
		if revision > 0 {
			out.Revision = revision
		}
		list, err := firstEntries(tx, r, int(out.GetRevision()))
		out.Utterances = resolve(list)
		if len(list) > 0 {
			out.LastUtterance = list[len(list)-1].GetUtteranceId()
		}
		return err
	})
}

// firstEntries are a call's first n entries, in their order.
func firstEntries(tx *view.Tx, r ref, n int) ([]*eventv1.Entry, error) {
	list := make([]*eventv1.Entry, 0, n)
	for _, each := range []func(*view.Tx, ref, func(*eventv1.Entry) bool) error{partEntries, liveEntries} {
		err := each(tx, r, func(e *eventv1.Entry) bool {
			if len(list) == n {
				return true
			}
			list = append(list, e)
			return false
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}
