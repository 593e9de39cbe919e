package ingest

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// errSealed says that a call's live words are closed: words now go the late way.
var errSealed = errors.New("ingest: sealed")

// AppendUtterances takes words; see the contract.
func (s *Service) AppendUtterances(
	ctx context.Context, req *transcriptv1.AppendUtterancesRequest,
) (*transcriptv1.AppendUtterancesResponse, error) {
	caller, err := identity.From(ctx)
	if err != nil {
		return nil, err
	}
	err = cmp.Or(id("callId", req.GetCallId()), checkDetails(req.GetCall()))
	if err != nil {
		return nil, err
	}
	words, err := entriesOf(req.GetUtterances(), timestamppb.New(time.Now()))
	if err != nil {
		return nil, err
	}
	r := ref{caller.Tenant, req.GetCallId()}
	opened, err := s.open(ctx, caller, r, req.GetCall())
	if err != nil {
		return nil, fault.Op("ingest.append", err)
	}
	out, pos, err := s.add(ctx, caller, r, words)
	if err != nil {
		return nil, fault.Op("ingest.append", err)
	}
	out.Position = append(opened, pos...).Encode()
	return out, nil
}

// add appends to the live words, or, where they are sealed, to the parts.
func (s *Service) add(
	ctx context.Context, by identity.Caller, r ref, words []*eventv1.Entry,
) (*transcriptv1.AppendUtterancesResponse, stream.Position, error) {
	out, pos, err := s.addLive(ctx, by, r, words)
	for errors.Is(err, errSealed) {
		if err = s.fold(ctx, r); err != nil {
			return nil, nil, err
		}
		out, pos, err = s.addLate(ctx, by, r, words)
	}
	return out, pos, err
}

func (s *Service) addLive(
	ctx context.Context, by identity.Caller, r ref, words []*eventv1.Entry,
) (out *transcriptv1.AppendUtterancesResponse, pos stream.Position, err error) {
	pos, err = s.commit(ctx, r.liveGuard(), func(tx *view.Tx) (*stream.Event, error) {
		if seal(tx, r) > 0 {
			return nil, errSealed
		}
		var more []*eventv1.Entry
		if out, more, err = admit(tx, r, words); err != nil || len(more) == 0 {
			return nil, err
		}
		return event(subject.LiveWords(r.tenant, r.call), &eventv1.LiveEvent{
			Meta: meta(by), Kind: &eventv1.LiveEvent_Words{Words: &eventv1.Words{Entries: more}},
		})
	})
	return out, pos, err
}

// admit decides which words are new to a call, and how many it then has: at most 20,000 (CALL_TOO_LARGE).
func admit(tx *view.Tx, r ref, words []*eventv1.Entry) (*transcriptv1.AppendUtterancesResponse, []*eventv1.Entry, error) {
	more, got := fresh(words, func(utterance string) (uint32, bool) { return highest(tx, r, utterance) })
	c, err := readCounts(tx, r)
	if err != nil {
		return nil, nil, err
	}
	revision := c.revision() + uint32(len(more)) //nolint:gosec // at most 500
	if revision > maxEntries && len(more) > 0 {
		return nil, nil, tooLarge("CALL_TOO_LARGE", "utterances", maxEntries)
	}
	return &transcriptv1.AppendUtterancesResponse{
		Accepted: got.accepted, Duplicates: got.duplicates, Corrected: got.corrected, Revision: revision,
	}, more, nil
}

// open makes sure that the call exists, is not erased, is the caller's to write to, and has the details that came.
func (s *Service) open(
	ctx context.Context, by identity.Caller, r ref, d *transcriptv1.CallDetails,
) (stream.Position, error) {
	who, err := s.agent(ctx, r.tenant, d.GetAgentAccount())
	if err != nil {
		return nil, err
	}
	settled := false
	err = s.follower.Read(func(tx *view.Tx) error {
		rec, known, err := readRecord(tx, r)
		if err != nil || !known {
			return err
		}
		e, err := openOrChange(by, rec, known, d, who)
		settled = err == nil && e == nil
		return err
	})
	if err != nil || settled {
		return nil, err
	}
	// The kind of the event, and so its subject, depends on what is there; a call is opened once.
	return s.commit(ctx, r.callGuard(), func(tx *view.Tx) (*stream.Event, error) {
		rec, known, err := readRecord(tx, r)
		if err != nil {
			return nil, err
		}
		e, err := openOrChange(by, rec, known, d, who)
		if err != nil || e == nil {
			return nil, err
		}
		e.CallId, e.Meta = r.call, meta(by)
		kind := subject.KindChanged
		if !known {
			kind = subject.KindOpened
		}
		return event(subject.Call(r.tenant, r.call, kind), e)
	})
}

// openOrChange decides what a publisher's words about a call come to: opened, changed, or nothing new.
func openOrChange(
	by identity.Caller, rec record, known bool, d *transcriptv1.CallDetails, who agent,
) (*eventv1.CallEvent, error) {
	if rec.Erased {
		return nil, fault.New(fault.Gone, "CALL_ERASED")
	}
	old, err := rec.info()
	if err != nil {
		return nil, err
	}
	info := merge(old, d, who)
	owner := old.GetAgentAccountId()
	if !known {
		owner = info.GetAgentAccountId()
	}
	switch {
	case !by.MayEditCall(owner):
		return nil, fault.New(fault.Forbidden, "FORBIDDEN")
	case !known:
		return &eventv1.CallEvent{Kind: &eventv1.CallEvent_Opened{Opened: &eventv1.CallOpened{Info: info}}}, nil
	case proto.Equal(old, info):
		return nil, nil //nolint:nilnil // nothing to write and nothing wrong
	}
	return &eventv1.CallEvent{Kind: &eventv1.CallEvent_Changed{Changed: &eventv1.CallChanged{Info: info}}}, nil
}

// agent finds the account that a publisher named by its id or its login. A name that is no account's is kept as text
// and gives nobody rights.
func (s *Service) agent(ctx context.Context, tenant, named string) (agent, error) {
	if strings.TrimSpace(named) == "" {
		return agent{}, nil
	}
	ctx = identity.AsService(ctx, tenant)
	for _, req := range []*accessv1.GetAccountRequest{{Id: named}, {Login: named}} {
		res, err := s.accounts.GetAccount(ctx, req)
		if err == nil {
			return agent{res.GetAccount().GetId(), res.GetAccount().GetName()}, nil
		}
		if fault.KindOf(err) != fault.NotFound {
			return agent{}, err
		}
	}
	return agent{name: named}, nil
}

// EndCall ends a call and folds its words; see the contract.
func (s *Service) EndCall(
	ctx context.Context, req *transcriptv1.EndCallRequest,
) (*transcriptv1.EndCallResponse, error) {
	caller, err := identity.From(ctx)
	if err != nil {
		return nil, err
	}
	r := ref{caller.Tenant, req.GetCallId()}
	pos, err := s.end(ctx, caller, r, req.GetEndedAt(), endByEvent)
	if err != nil {
		return nil, fault.Op("ingest.end", err)
	}
	call, err := s.call(r)
	return &transcriptv1.EndCallResponse{Call: call, Position: append(pos, s.follower.Position()...).Encode()}, err
}

func (s *Service) end(
	ctx context.Context, by identity.Caller, r ref, at *timestamppb.Timestamp, cause string,
) (stream.Position, error) {
	if at == nil {
		at = timestamppb.New(time.Now())
	}
	pos, err := s.commitCall(ctx, by, r, subject.KindEnded, func(rec record, known bool) (*eventv1.CallEvent, error) {
		if !known {
			return nil, callNotFound(r.call)
		}
		if rec.Erased {
			return nil, fault.New(fault.Gone, "CALL_ERASED")
		}
		info, err := rec.info()
		if err != nil {
			return nil, err
		}
		if !by.MayEditCall(info.GetAgentAccountId()) {
			return nil, fault.New(fault.Forbidden, "FORBIDDEN")
		}
		if !rec.Ended.IsZero() {
			return nil, nil //nolint:nilnil // ended before: the same again
		}
		return &eventv1.CallEvent{Kind: &eventv1.CallEvent_Ended{Ended: &eventv1.CallEnded{EndedAt: at, Cause: cause}}}, nil
	})
	if err != nil {
		return nil, err
	}
	return pos, s.fold(ctx, r)
}

func callNotFound(call string) error {
	return fault.New(fault.NotFound, "NOT_FOUND", fault.Param("call", call))
}
