package ingest

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/view"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

const (
	defaultPage = 50
	maxPage     = 200
)

// GetCall returns one call; see the contract.
func (s *Service) GetCall(ctx context.Context, req *transcriptv1.GetCallRequest) (*transcriptv1.GetCallResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.follower.WaitPosition(ctx, req.GetMinPosition()); err != nil {
		return nil, err
	}
	pos := s.follower.Position()
	call, err := s.call(ref{caller.Tenant, req.GetCallId()})
	if err != nil {
		return nil, err
	}
	return &transcriptv1.GetCallResponse{Call: call, Position: pos.Encode()}, nil
}

func (s *Service) record(r ref) (rec record, err error) {
	err = s.follower.Read(func(tx *view.Tx) error { rec, err = readRecord(tx, r); return err })
	return rec, err
}

func (s *Service) call(r ref) (call *transcriptv1.Call, err error) {
	err = s.follower.Read(func(tx *view.Tx) error { call, err = readCall(tx, r); return err })
	return call, err
}

// readCall is a call as people see it. NOT_FOUND, CALL_ERASED.
func readCall(tx *view.Tx, r ref) (*transcriptv1.Call, error) {
	rec, err := readRecord(tx, r)
	if err != nil {
		return nil, err
	}
	if rec.Erased {
		return nil, callErased()
	}
	if !rec.opened() {
		return nil, callNotFound(r.call)
	}
	info, err := rec.info()
	if err != nil {
		return nil, err
	}
	c, err := readCounts(tx, r)
	out := &transcriptv1.Call{
		Id: r.call, Label: info.GetLabel(), StartedAt: timestamppb.New(rec.Started), State: stateLive,
		AgentAccountId: info.GetAgentAccountId(), AgentName: info.GetAgentName(), AgentNumber: info.GetAgentNumber(),
		CustomerNumber: info.GetCustomerNumber(), Queue: info.GetQueue(), Direction: info.GetDirection(),
		Labels: info.GetLabels(), Revision: c.revision(), Links: linksOf(tx, r, info),
	}
	if rec.ended() {
		out.State, out.EndedAt = stateFinished, timestamppb.New(rec.Ended)
	}
	if len(rec.Running) > 0 {
		out.RunningAnalysisId = rec.Running[0]
	}
	return out, err
}

// ListCalls returns calls that pass a filter, newest start first; see the contract. A page token is a place in the list,
// so that pages stay where they are while new calls come in. A filter that lets few calls through does not make a request
// go through all there are: a page may be short, or empty, and have a next one.
func (s *Service) ListCalls(
	ctx context.Context, req *transcriptv1.ListCallsRequest,
) (*transcriptv1.ListCallsResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.follower.WaitPosition(ctx, req.GetMinPosition()); err != nil {
		return nil, err
	}
	f, err := newFilter(req.GetFilter())
	if err != nil {
		return nil, err
	}
	after, err := f.place(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	size := int(min(req.GetPageSize(), maxPage))
	if size == 0 {
		size = defaultPage
	}
	out := &transcriptv1.ListCallsResponse{Position: s.follower.Position().Encode()}
	return out, s.follower.Read(func(tx *view.Tx) error { return f.page(tx, caller.Tenant, after, size, s.reach, out) })
}
