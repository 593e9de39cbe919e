package ingest

import (
	"context"
	"encoding/base64"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

const (
	defaultPage = 50
	maxPage     = 200
)

// GetCall returns one call; see the contract.
func (s *Service) GetCall(ctx context.Context, req *transcriptv1.GetCallRequest) (*transcriptv1.GetCallResponse, error) {
	caller, err := identity.From(ctx)
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

func (s *Service) call(r ref) (call *transcriptv1.Call, err error) {
	err = s.follower.Read(func(tx *view.Tx) error {
		call, err = readCall(tx, r)
		return err
	})
	return call, err
}

// readCall is a call as people see it; an erased one is not found.
func readCall(tx *view.Tx, r ref) (*transcriptv1.Call, error) {
	rec, known, err := readRecord(tx, r)
	if err != nil {
		return nil, err
	}
	if !known || rec.Erased {
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
		Labels: info.GetLabels(), Revision: c.revision(),
	}
	if !rec.Ended.IsZero() {
		out.State, out.EndedAt = stateEnded, timestamppb.New(rec.Ended)
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
	caller, err := identity.From(ctx)
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
			place := k[len(prefix):]
			call, err := readCall(tx, ref{tenant, string(place[indexStart:])})
			if fault.KindOf(err) == fault.NotFound && err != nil {
				continue // erased
			}
			if err != nil {
				return err
			}
			if len(out.GetCalls()) == size {
				out.NextPageToken = base64.RawURLEncoding.EncodeToString(last)
				return nil
			}
			out.Calls = append(out.Calls, call)
			last = append(last[:0], place...)
		}
		return nil
	})
}

// GetTranscript returns what was said; see the contract.
func (s *Service) GetTranscript(
	ctx context.Context, req *transcriptv1.GetTranscriptRequest,
) (*transcriptv1.GetTranscriptResponse, error) {
	caller, err := identity.From(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.follower.WaitPosition(ctx, req.GetMinPosition()); err != nil {
		return nil, err
	}
	r := ref{caller.Tenant, req.GetCallId()}
	if req.GetNewest() {
		for _, g := range []stream.Guard{r.callGuard(), r.liveGuard(), r.partGuard()} { // LIVE before parts
			if err := s.follower.Newest(ctx, g); err != nil {
				return nil, err
			}
		}
	}
	out := &transcriptv1.GetTranscriptResponse{CallId: r.call, Position: s.follower.Position().Encode()}
	return out, s.transcript(r, req.GetRevision(), out)
}

// transcript reads entries 1 to revision: those in parts, then those that are in none yet.
func (s *Service) transcript(r ref, revision uint32, out *transcriptv1.GetTranscriptResponse) error {
	return s.follower.Read(func(tx *view.Tx) (err error) {
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
		list := make([]*eventv1.Entry, 0, out.GetRevision())
		enough := func(e *eventv1.Entry) bool {
			if len(list) == int(out.GetRevision()) {
				return true
			}
			list = append(list, e)
			return false
		}
		if err := partEntries(tx, r, enough); err != nil {
			return err
		}
		if err := liveEntries(tx, r, enough); err != nil {
			return err
		}
		out.Utterances = resolve(list)
		if len(list) > 0 {
			out.LastUtterance = list[len(list)-1].GetUtteranceId()
		}
		return nil
	})
}
