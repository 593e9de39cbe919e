package ingest

import (
	"cmp"
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// AppendUtterances takes words; see the contract.
func (s *Service) AppendUtterances(
	ctx context.Context, req *transcriptv1.AppendUtterancesRequest,
) (*transcriptv1.AppendUtterancesResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := cmp.Or(checkID("callId", req.GetCallId()), checkDetails(req.GetCall())); err != nil {
		return nil, err
	}
	words, err := passageOf(req.GetUtterances(), timestamppb.New(time.Now()))
	if err != nil {
		return nil, err
	}
	out, pos, err := s.take(ctx, caller, ref{caller.Tenant, req.GetCallId()}, req.GetCall(), words)
	if err != nil {
		return nil, fault.Op("ingest.append", err)
	}
	out.Position = s.including(pos)
	return out, nil
}

// EndCall ends a call and folds its words; see the contract.
func (s *Service) EndCall(
	ctx context.Context, req *transcriptv1.EndCallRequest,
) (*transcriptv1.EndCallResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := cmp.Or(checkID("callId", req.GetCallId()), checkTime("endedAt", req.GetEndedAt())); err != nil {
		return nil, err
	}
	r := ref{caller.Tenant, req.GetCallId()}
	pos, err := s.end(ctx, caller, r, req.GetEndedAt(), endByEvent)
	if err != nil {
		return nil, fault.Op("ingest.end", err)
	}
	call, err := s.call(r)
	return &transcriptv1.EndCallResponse{Call: call, Position: s.including(pos)}, err
}

// end writes that a call has ended, unless that is written already, and folds its words. When the fold fails the call
// has ended all the same; ending it again goes on with the fold.
func (s *Service) end(
	ctx context.Context, by identity.Caller, r ref, at *timestamppb.Timestamp, cause string,
) (stream.Position, error) {
	if at == nil {
		at = timestamppb.New(time.Now())
	}
	pos, err := s.commitCall(ctx, by, r, func(rec record) (string, *eventv1.CallEvent, error) {
		err := mayWrite(by, r, rec)
		if err != nil || rec.ended() {
			return "", nil, err
		}
		ended := &eventv1.CallEnded{EndedAt: at, Cause: cause}
		return subject.KindEnded, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Ended{Ended: ended}}, nil
	})
	if err != nil {
		return nil, err
	}
	if err := s.follower.WaitPosition(ctx, pos.Encode()); err != nil { // the answer shows the call as it now is
		return nil, err
	}
	s.hinting.add(r, 0, pos)
	parts, err := s.fold(ctx, r)
	return furthest(pos, parts), err
}

// mayWrite tells whether a caller may write to a call that there is: NOT_FOUND, CALL_ERASED, FORBIDDEN.
func mayWrite(by identity.Caller, r ref, rec record) error {
	switch {
	case rec.Erased:
		return callErased()
	case !rec.opened():
		return callNotFound(r.call)
	case by.MayEditCall(""): // whoever its agent is: then nobody has to read that
		return nil
	}
	info, err := rec.info()
	if err == nil && !by.MayEditCall(info.GetAgentAccountId()) {
		err = fault.New(fault.Forbidden, "FORBIDDEN")
	}
	return err
}

func callNotFound(call string) error {
	return fault.New(fault.NotFound, "NOT_FOUND", fault.Param("call", call))
}

func callErased() error { return fault.New(fault.Gone, "CALL_ERASED") }
