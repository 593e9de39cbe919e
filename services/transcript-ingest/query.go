package ingest

import (
	"context"
	"encoding/base64"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
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
	if !rec.opened() {
		return nil, callNotFound(r.call)
	}
	if rec.Erased {
		return nil, callErased()
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

// ListCalls returns calls, newest start first; see the contract. A page token is a place in the index, so that pages
// stay where they are while new calls come in.
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
	after, err := base64.RawURLEncoding.DecodeString(req.GetPageToken())
	if err != nil {
		return nil, fault.New(fault.Invalid, "FIELD_INVALID", fault.Field("pageToken"))
	}
	size := int(min(req.GetPageSize(), maxPage))
	if size == 0 {
		size = defaultPage
	}
	out := &transcriptv1.ListCallsResponse{Position: s.follower.Position().Encode()}
	return out, s.page(caller.Tenant, after, size, out)
}

// page fills a page with the calls behind a place in the index.
func (s *Service) page(tenant string, after []byte, size int, out *transcriptv1.ListCallsResponse) error {
	prefix := []byte(tenant + "\x00")
	var from []byte
	if len(after) > 0 {
		from = append(append([]byte{}, prefix...), after...)
		from = append(from, 0) // behind the last one shown
	}
	return s.follower.Read(func(tx *view.Tx) error {
		var last []byte
		for k := range tx.Scan(indexBucket, prefix, from) {
			if len(out.GetCalls()) == size {
				out.NextPageToken = base64.RawURLEncoding.EncodeToString(last)
				return nil
			}
			place := k[len(prefix):]
			call, err := readCall(tx, ref{tenant, string(place[indexStart:])})
			if err != nil {
				return err
			}
			out.Calls = append(out.Calls, call)
			last = append(last[:0], place...)
		}
		return nil
	})
}
