package analysis

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
)

// apply brings the view up to one message. Kinds it does not know, of a newer version, change nothing.
func apply(tx *view.Tx, m stream.Message) error {
	noun, tenant, rest, ok := subject.Parse(m.Subject)
	if !ok {
		return fmt.Errorf("analysis: foreign subject %q", m.Subject)
	}
	switch noun {
	case subject.NounCall:
		var event eventv1.CallEvent
		if err := proto.Unmarshal(m.Data, &event); err != nil {
			return err
		}
		return applyCall(tx, tenant, m, &event)
	case subject.NounKey:
		return applyKey(tx, tenant, rest[0], m)
	}
	return nil
}

func applyKey(tx *view.Tx, tenant, id string, m stream.Message) error {
	var event eventv1.KeyEvent
	if err := proto.Unmarshal(m.Data, &event); err != nil {
		return err
	}
	switch e := event.GetKind().(type) {
	case *eventv1.KeyEvent_Saved:
		e.Saved.SealedSecret = nil // only key-registry can open it: no reason to keep it here
		value, err := proto.MarshalOptions{Deterministic: true}.Marshal(e.Saved)
		if err != nil {
			return err
		}
		return tx.Put(keyBucket, key(tenant, id), value)
	case *eventv1.KeyEvent_Deleted:
		return tx.Delete(keyBucket, key(tenant, id))
	}
	return nil
}

func applyCall(tx *view.Tx, tenant string, m stream.Message, event *eventv1.CallEvent) error {
	call, _, err := readCall(tx, tenant, event.GetCallId())
	if err != nil {
		return err
	}
	if call.Erased {
		return applyAnalysis(tx, tenant, event, call)
	}
	switch e := event.GetKind().(type) {
	case *eventv1.CallEvent_Opened:
		call.Info = infoOf(e.Opened.GetInfo())
	case *eventv1.CallEvent_Changed:
		call.Info = infoOf(e.Changed.GetInfo())
	case *eventv1.CallEvent_Erased:
		return bury(tx, tenant, event)
	case *eventv1.CallEvent_Requested:
		if call, err = applyRequested(tx, tenant, m, call, event, e.Requested); err != nil {
			return err
		}
	case *eventv1.CallEvent_Ended:
		return nil
	default:
		return applyAnalysis(tx, tenant, event, call)
	}
	return writeCall(tx, tenant, event.GetCallId(), call)
}

func infoOf(i *eventv1.CallInfo) CallInfo {
	return CallInfo{
		Label: i.GetLabel(), StartedAt: timeOf(i.GetStartedAt()),
		AgentAccount: i.GetAgentAccountId(), AgentName: i.GetAgentName(),
	}
}

func applyRequested(
	tx *view.Tx, tenant string, m stream.Message, call CallState, event *eventv1.CallEvent, e *eventv1.AnalysesRequested,
) (CallState, error) {
	var ids []string
	for i, a := range e.GetAnalyses() {
		r := Record{
			ID: a.GetId(), Tenant: tenant, Call: event.GetCallId(), Sequence: m.Sequence, Index: i, State: StateQueued,
			Prompt: pinnedPrompt(a.GetPrompt()), Key: pinnedKey(a.GetKey()), Priority: e.GetPriority(),
			By:   Person{ID: e.GetRequestedBy().GetAccountId(), Name: e.GetRequestedBy().GetName()},
			Info: call.Info, Revision: e.GetTranscriptRevision(), Last: e.GetLastUtterance(),
			Tokens: int(e.GetTranscriptTokens()), Asked: timeOf(event.GetMeta().GetAt()), Trace: m.Trace,
		}
		ids = append(ids, r.ID)
		if err := writeRecord(tx, r); err != nil {
			return call, err
		}
		if err := tx.Put(listBucket, listKey(r), []byte(r.ID)); err != nil {
			return call, err
		}
	}
	return call.requested(ids, e.GetIdempotency(), e.GetBodyHash(), timeOf(event.GetMeta().GetAt())), nil
}

// applyAnalysis applies an event of one analysis. An unknown analysis was deleted: its late events change nothing.
func applyAnalysis(tx *view.Tx, tenant string, event *eventv1.CallEvent, call CallState) error {
	if event.GetDeleted() != nil {
		return applyDeleted(tx, tenant, event, call)
	}
	r, ok, err := readRecord(tx, tenant, analysisOf(event))
	if err != nil || !ok {
		return err
	}
	was := r.Terminal()
	r = r.after(event)
	if err := writeRecord(tx, r); err != nil {
		return err
	}
	if r.Terminal() && !was {
		return writeCall(tx, tenant, r.Call, call.ended(r.ID))
	}
	return nil
}

func dropRecord(tx *view.Tx, r Record) error {
	for _, b := range []string{recordBucket, queueBucket} {
		if err := tx.Delete(b, key(r.Tenant, r.ID)); err != nil {
			return err
		}
	}
	return tx.Delete(listBucket, listKey(r))
}

// after is the record after one of its events.
func (r Record) after(event *eventv1.CallEvent) Record {
	at := timeOf(event.GetMeta().GetAt())
	switch e := event.GetKind().(type) {
	case *eventv1.CallEvent_Started:
		if r.Started.IsZero() {
			r.Started, r.Deadline = at, timeOf(e.Started.GetDeadline())
		}
		r.State, r.Attempts = StateRunning, e.Started.GetAttempt()
	case *eventv1.CallEvent_Sent:
		s := e.Sent
		r.Tries = max(r.Tries, s.GetTry())
		r.Open = append(slices.Clone(r.Open), Sent{s.GetLevel(), s.GetIndex(), s.GetTry(), s.GetOurRequestId()})
	case *eventv1.CallEvent_Piece:
		r = r.answered(e.Piece)
	case *eventv1.CallEvent_Completed:
		r.State, r.Finished, r.Error = StateCompleted, at, nil
	case *eventv1.CallEvent_Failed:
		r.State, r.Finished = StateFailed, at
		r = r.failedWith(e.Failed)
	case *eventv1.CallEvent_Cancelled:
		r.State, r.Finished = StateCancelled, at
	}
	return r
}

func (r Record) answered(p *eventv1.PieceAnswered) Record {
	r.Open = slices.DeleteFunc(slices.Clone(r.Open), func(s Sent) bool {
		return s.Level == p.GetLevel() && s.Index == p.GetIndex() && s.Try == p.GetTry()
	})
	u := p.GetUsage()
	r.Usage.Requests += u.GetRequests()
	r.Usage.InputTokens += u.GetInputTokens()
	r.Usage.OutputTokens += u.GetOutputTokens()
	r.Usage.Maybe += u.GetMaybeRequests()
	if id := p.GetProviderRequestId(); id != "" {
		r.Requests = append(slices.Clone(r.Requests), id)
	}
	if p.Text != nil {
		r.Text, r.HasText = p.GetText(), true
	}
	if e := p.GetError(); e != nil {
		r.Error = &ProviderError{
			Code: e.GetCode(), Status: e.GetStatus(), ProviderCode: e.GetProviderCode(), Message: e.GetMessage(),
			RequestID: e.GetRequestId(), Params: e.GetParams(),
		}
	}
	return r
}

// failedWith keeps the provider's message only where it is the one that the analysis failed of.
func (r Record) failedWith(f *eventv1.AnalysisFailed) Record {
	if r.Error == nil || r.Error.Code != f.GetCode() {
		r.Error = &ProviderError{Code: f.GetCode(), Status: f.GetStatus()}
	}
	r.Error.Params = f.GetParams()
	return r
}

func analysisOf(event *eventv1.CallEvent) string {
	switch e := event.GetKind().(type) {
	case *eventv1.CallEvent_Started:
		return e.Started.GetAnalysisId()
	case *eventv1.CallEvent_Sent:
		return e.Sent.GetAnalysisId()
	case *eventv1.CallEvent_Piece:
		return e.Piece.GetAnalysisId()
	case *eventv1.CallEvent_Completed:
		return e.Completed.GetOutcome().GetAnalysisId()
	case *eventv1.CallEvent_Failed:
		return e.Failed.GetOutcome().GetAnalysisId()
	case *eventv1.CallEvent_Cancelled:
		return e.Cancelled.GetOutcome().GetAnalysisId()
	case *eventv1.CallEvent_Deleted:
		return e.Deleted.GetAnalysisId()
	}
	return ""
}

func pinnedPrompt(p *eventv1.PinnedPrompt) Prompt {
	return Prompt{
		ID: p.GetId(), Name: p.GetName(), Revision: p.GetRevision(), Text: p.GetText(), Split: p.GetSplit(), MapText: p.GetMapText(),
	}
}

func pinnedKey(k *eventv1.PinnedKey) Key {
	return Key{ID: k.GetId(), Name: k.GetName(), Kind: k.GetKind(), Model: k.GetModel(), Lane: k.GetLane()}
}
