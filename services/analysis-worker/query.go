package analysis

import (
	"context"
	"encoding/base64"

	"unicode/utf8"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	analysisv1 "github.com/kikigaki/kikigaki/proto/kikigaki/analysis/v1"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/chars"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

const (
	// shownCharacters of a result are shown first; the whole is kept.
	shownCharacters = 2000
	defaultPage     = 50
	maxPage         = 200
)

func notFound(id string) error {
	return fault.New(fault.NotFound, "NOT_FOUND", fault.Param("analysis", id))
}

// GetAnalysis returns one analysis; see the contract.
func (s *Service) GetAnalysis(
	ctx context.Context, req *analysisv1.GetAnalysisRequest,
) (*analysisv1.GetAnalysisResponse, error) {
	caller, err := identity.From(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.follower.WaitPosition(ctx, req.GetMinPosition()); err != nil {
		return nil, err
	}
	pos := s.follower.Position()
	r, err := s.record(ctx, caller.Tenant, req.GetId())
	if err != nil {
		return nil, err
	}
	a := s.shown(r, req.GetFull(), s.revision(ctx, r.Tenant, r.Call))
	return &analysisv1.GetAnalysisResponse{Analysis: a, Position: pos.Encode()}, nil
}

// record returns an analysis that can be read: not of another tenant, nor of an erased call. One that another replica
// has just accepted may not be in the view yet, so an unknown one is waited for once.
func (s *Service) record(ctx context.Context, tenant, id string) (r Record, err error) {
	found := false
	look := func() error {
		return s.follower.Read(func(tx *view.Tx) (err error) {
			if r, found, err = readRecord(tx, tenant, id); err != nil || !found {
				return err
			}
			if erased(tx, r) {
				return callErased()
			}
			return nil
		})
	}
	if err := look(); err != nil || found {
		return r, err
	}
	newest := stream.NewGuard(subject.Calls, subject.All(subject.NounCall))
	if err := s.follower.Newest(ctx, newest); err != nil {
		return r, err
	}
	if err := look(); err != nil {
		return r, err
	}
	if !found {
		return r, notFound(id)
	}
	return r, nil
}

// ListAnalyses returns a call's analyses; see the contract.
func (s *Service) ListAnalyses(
	ctx context.Context, req *analysisv1.ListAnalysesRequest,
) (*analysisv1.ListAnalysesResponse, error) {
	caller, err := identity.From(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.follower.WaitPosition(ctx, req.GetMinPosition()); err != nil {
		return nil, err
	}
	before, err := base64.RawURLEncoding.DecodeString(req.GetPageToken())
	if err != nil {
		return nil, fault.New(fault.Invalid, "FIELD_INVALID", fault.Field("pageToken"))
	}
	out := &analysisv1.ListAnalysesResponse{Position: s.follower.Position().Encode()}
	list, more, err := s.list(caller.Tenant, req.GetCallId(), before, pageSize(req.GetPageSize()))
	if err != nil {
		return nil, err
	}
	revision := s.revision(ctx, caller.Tenant, req.GetCallId())
	for _, r := range list {
		out.Analyses = append(out.Analyses, s.shown(r, false, revision))
	}
	if more {
		last := listKey(list[len(list)-1])
		out.NextPageToken = base64.RawURLEncoding.EncodeToString(last[len(last)-9:])
	}
	return out, nil
}

func pageSize(asked uint32) int {
	if asked == 0 {
		return defaultPage
	}
	return int(min(asked, maxPage))
}

// list returns a page of a call's analyses, newest first, that lie before a page token's place.
func (s *Service) list(tenant, callID string, before []byte, size int) (list []Record, more bool, err error) {
	prefix := append(key(tenant, callID), 0)
	var from []byte
	if len(before) > 0 {
		from = append(append([]byte{}, prefix...), before...)
	}
	err = s.follower.Read(func(tx *view.Tx) error {
		call, ok, err := readCall(tx, tenant, callID)
		if err != nil {
			return err
		}
		if call.Erased {
			return callErased()
		}
		if !ok {
			return fault.New(fault.NotFound, "NOT_FOUND", fault.Param("call", callID))
		}
		for k, id := range tx.ScanBack(listBucket, prefix, from) {
			if len(k) != len(prefix)+9 {
				continue // of a call whose id begins with this one's
			}
			if len(list) == size {
				more = true
				return nil
			}
			r, _, err := readRecord(tx, tenant, string(id))
			if err != nil {
				return err
			}
			list = append(list, r)
		}
		return nil
	})
	return list, more, err
}

// some returns analyses by their ids, as the view has them.
func (s *Service) some(ctx context.Context, tenant string, wanted []string) ([]*analysisv1.Analysis, error) {
	var out []*analysisv1.Analysis
	for _, id := range wanted {
		r, err := s.record(ctx, tenant, id)
		if err != nil {
			return nil, err
		}
		out = append(out, s.shown(r, false, r.Revision))
	}
	return out, nil
}

// revision asks how many entries the call's transcript has by now; 0 when that cannot be told.
func (s *Service) revision(ctx context.Context, tenant, call string) uint32 {
	ctx = identity.AsService(ctx, tenant)
	res, err := s.deps.Transcripts.GetCall(ctx, &transcriptv1.GetCallRequest{CallId: call})
	if err != nil {
		s.log.WarnContext(ctx, "whether results are stale cannot be told", "call", call, "error", err)
		return 0
	}
	return res.GetCall().GetRevision()
}

// shown is an analysis as people see it: of a long result the first 2000 characters, unless all is asked for.
func (s *Service) shown(r Record, full bool, revision uint32) *analysisv1.Analysis {
	text := r.Text
	if !full {
		text = chars.Cut(text, shownCharacters)
	}
	a := &analysisv1.Analysis{
		Id: r.ID, CallId: r.Call, Priority: r.Priority, State: r.State,
		Prompt: &eventv1.PinnedPrompt{
			Id: r.Prompt.ID, Name: r.Prompt.Name, Revision: r.Prompt.Revision, Text: r.Prompt.Text, Split: r.Prompt.Split,
			MapText: r.Prompt.MapText,
		},
		Key:           &eventv1.PinnedKey{Id: r.Key.ID, Name: r.Key.Name, Kind: r.Key.Kind, Model: r.Key.Model},
		RequestedById: r.By.ID, RequestedByName: r.By.Name,
		RequestedAt: stamp(r.Asked), StartedAt: stamp(r.Started), FinishedAt: stamp(r.Finished),
		TranscriptRevision: r.Revision, LastUtterance: r.Last, Stale: revision > r.Revision,
		Usage: r.total().proto(),
	}
	if r.State == StateCompleted {
		a.ResultText = text
		a.ResultLength = uint32(utf8.RuneCountInString(r.Text))
		a.ResultShown = uint32(utf8.RuneCountInString(text))
	}
	if r.State == StateFailed && r.Error != nil {
		a.Error = r.Error.proto()
	}
	if r.State == StateQueued {
		a.QueuePosition, a.QueueEtaSeconds = s.pool.place(r)
	}
	return a
}

func (e *ProviderError) proto() *eventv1.ProviderError {
	return &eventv1.ProviderError{
		Code: e.Code, Status: e.Status, ProviderCode: e.ProviderCode, Message: e.Message, RequestId: e.RequestID,
		Params: e.Params,
	}
}
