package analysis

import (
	"context"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	analysisv1 "github.com/kikigaki/kikigaki/proto/kikigaki/analysis/v1"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	"github.com/kikigaki/kikigaki/services/internal/ids"
)

// RequestAnalyses asks for analyses of a call; see the contract.
func (s *Service) RequestAnalyses(
	ctx context.Context, req *analysisv1.RequestAnalysesRequest,
) (*analysisv1.RequestAnalysesResponse, error) {
	caller, err := identity.From(ctx)
	if err != nil {
		return nil, err
	}
	w, err := wishOf(caller, req)
	if err != nil {
		return nil, fault.Op("analysis.request", err)
	}
	made, pos, err := s.request(ctx, caller, w)
	if err != nil {
		return nil, fault.Op("analysis.request", err)
	}
	list, err := s.some(ctx, caller.Tenant, made)
	if fault.Is(err, "NOT_FOUND") { // a repetition, of which something was deleted since
		err = fault.New(fault.Gone, "ANALYSIS_DELETED")
	}
	if err != nil {
		return nil, fault.Op("analysis.request", err)
	}
	return &analysisv1.RequestAnalysesResponse{Analyses: list, Position: pos.Encode()}, err
}

// request writes one `requested` for a wish. Of any number of callers exactly one gets through while the call is not
// busy; the first look, before prompts and transcript are asked for, spares the others the way.
func (s *Service) request(ctx context.Context, c identity.Caller, w wish) ([]string, stream.Position, error) {
	if err := s.follower.Newest(ctx, guard(c.Tenant, w.call)); err != nil {
		return nil, nil, err
	}
	var earlier []string
	err := s.follower.Read(func(tx *view.Tx) (err error) {
		earlier, err = ask(tx, c, w)
		return err
	})
	if err != nil || earlier != nil {
		return earlier, s.follower.Position(), err
	}
	event, err := s.pin(ctx, c, w)
	if err != nil {
		return nil, nil, err
	}
	pos, err := s.commit(ctx, c.Tenant, w.call, c, ids.New("event"), func(tx *view.Tx) (*fact, error) {
		if earlier, err = ask(tx, c, w); err != nil || earlier != nil {
			return nil, err
		}
		return &fact{
			analysis: event.GetAnalyses()[0].GetId(), kind: subject.KindRequested,
			event: &eventv1.CallEvent{Kind: &eventv1.CallEvent_Requested{Requested: event}},
		}, nil
	})
	if err != nil || earlier != nil {
		return earlier, pos, err
	}
	made := make([]string, 0, len(event.GetAnalyses()))
	for _, a := range event.GetAnalyses() {
		made = append(made, a.GetId())
	}
	return made, pos, nil
}

// ask applies the rules to the call as the view has it: it exists (NOT_FOUND), the caller may (FORBIDDEN), and what
// the call's own state says.
func ask(tx *view.Tx, c identity.Caller, w wish) ([]string, error) {
	call, ok, err := readCall(tx, c.Tenant, w.call)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fault.New(fault.NotFound, "NOT_FOUND", fault.Param("call", w.call))
	}
	if call.Erased {
		return nil, callErased()
	}
	if err := mayEdit(c, call); err != nil {
		return nil, err
	}
	return call.ask(w.repeatKey, w.body, time.Now())
}

// mayEdit lets through who has the call permission edit, and everybody on their own calls.
func mayEdit(c identity.Caller, call CallState) error {
	if c.MayEditCall(call.Info.AgentAccount) {
		return nil
	}
	return fault.New(fault.Forbidden, "FORBIDDEN")
}

// CancelAnalysis ends an analysis that has not ended; see the contract.
func (s *Service) CancelAnalysis(
	ctx context.Context, req *analysisv1.CancelAnalysisRequest,
) (*analysisv1.CancelAnalysisResponse, error) {
	caller, err := identity.From(ctx)
	if err != nil {
		return nil, err
	}
	var cancelled *Record
	pos, err := s.onRecord(ctx, caller, req.GetId(), func(r Record) (*fact, error) {
		if cancelled = nil; r.Terminal() {
			return nil, nil //nolint:nilnil // nothing to write and nothing wrong: it has ended, and stays as it is
		}
		cancelled = &r
		return cancelledFact(r), nil
	})
	if err != nil {
		return nil, fault.Op("analysis.cancel", err)
	}
	if cancelled != nil {
		s.meters.end(ctx, *cancelled, StateCancelled, "")
	}
	list, err := s.some(ctx, caller.Tenant, []string{req.GetId()})
	if err != nil {
		return nil, err
	}
	return &analysisv1.CancelAnalysisResponse{Analysis: list[0], Position: pos.Encode()}, nil
}

// DeleteAnalysis removes an analysis that has ended; see the contract.
func (s *Service) DeleteAnalysis(
	ctx context.Context, req *analysisv1.DeleteAnalysisRequest,
) (*analysisv1.DeleteAnalysisResponse, error) {
	caller, err := identity.From(ctx)
	if err != nil {
		return nil, err
	}
	pos, err := s.onRecord(ctx, caller, req.GetId(), func(r Record) (*fact, error) {
		if !r.Terminal() {
			return nil, fault.New(fault.Conflict, "ANALYSIS_RUNNING", fault.Param("analysisId", r.ID))
		}
		return deletedFact(r), nil
	})
	if err != nil {
		return nil, fault.Op("analysis.delete", err)
	}
	s.eraser.Rouse()
	return &analysisv1.DeleteAnalysisResponse{Position: pos.Encode()}, nil
}

// onRecord takes a person's decision about one analysis under its call's guard.
func (s *Service) onRecord(
	ctx context.Context, c identity.Caller, id string, decide func(Record) (*fact, error),
) (stream.Position, error) {
	r, err := s.record(ctx, c.Tenant, id)
	if err != nil {
		return nil, err
	}
	return s.commit(ctx, c.Tenant, r.Call, c, ids.New("event"), func(tx *view.Tx) (*fact, error) {
		call, _, err := readCall(tx, c.Tenant, r.Call)
		if err != nil {
			return nil, err
		}
		if call.Erased {
			return nil, callErased()
		}
		if err := mayEdit(c, call); err != nil {
			return nil, err
		}
		now, ok, err := readRecord(tx, c.Tenant, id)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, notFound(id)
		}
		return decide(now)
	})
}
