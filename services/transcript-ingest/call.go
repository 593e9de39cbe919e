package ingest

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
)

const (
	stateLive     = "live"
	stateFinished = "finished"

	endByEvent  = "event"
	endByImport = "import"
)

// record is a call as its events made it; the zero value is a call that nobody has opened.
type record struct {
	Info    []byte // CallInfo; nothing after an erase
	Opened  uint64 // sequence of its first event in CALLS
	Started time.Time
	Ended   time.Time // as the publisher says
	Closed  time.Time // when we were told
	// Erased is the end: from here on only when that was (Closed) and whether age was the reason (Aged) are known, so that
	// a view that never saw the call comes to the same.
	Erased bool
	Aged   bool
	// Running are the analyses that keep the call busy, in their order: those of the last request that have not ended.
	Running []string
}

func (r record) opened() bool { return !r.Started.IsZero() }

func (r record) ended() bool { return !r.Ended.IsZero() }

// listed tells whether the call is in lists.
func (r record) listed() bool { return r.opened() && !r.Erased }

func (r record) info() (*eventv1.CallInfo, error) {
	info := &eventv1.CallInfo{}
	return info, proto.Unmarshal(r.Info, info)
}

// with is the record with other details. A call that nobody said the start of began when it was opened.
func (r record) with(info *eventv1.CallInfo, at time.Time) (record, error) {
	var err error
	r.Info, err = proto.MarshalOptions{Deterministic: true}.Marshal(info)
	if info.GetStartedAt() != nil {
		r.Started = info.GetStartedAt().AsTime()
	} else if !r.opened() {
		r.Started = at
	}
	return r, err
}

// after is the record after one event of the call or of one of its analyses, which happened at a time.
func (r record) after(event *eventv1.CallEvent, at time.Time) (record, error) {
	if r.Erased {
		return r, nil
	}
	switch e := event.GetKind().(type) {
	case *eventv1.CallEvent_Opened:
		return r.with(e.Opened.GetInfo(), at)
	case *eventv1.CallEvent_Changed:
		return r.with(e.Changed.GetInfo(), at)
	case *eventv1.CallEvent_Ended:
		r.Ended, r.Closed = e.Ended.GetEndedAt().AsTime(), at
	case *eventv1.CallEvent_Erased:
		return record{Erased: true, Closed: at, Aged: event.GetMeta().GetBy() == nil}, nil
	case *eventv1.CallEvent_Requested:
		r.Running = nil
		for _, a := range e.Requested.GetAnalyses() {
			r.Running = append(r.Running, a.GetId())
		}
	case *eventv1.CallEvent_Completed:
		return r.without(e.Completed.GetOutcome().GetAnalysisId()), nil
	case *eventv1.CallEvent_Failed:
		return r.without(e.Failed.GetOutcome().GetAnalysisId()), nil
	case *eventv1.CallEvent_Cancelled:
		return r.without(e.Cancelled.GetOutcome().GetAnalysisId()), nil
	case *eventv1.CallEvent_Deleted: // whose end may be removed by now
		return r.without(e.Deleted.GetAnalysisId()), nil
	}
	return r, nil
}

// without is the record after one of its analyses has ended.
func (r record) without(analysis string) record {
	r.Running = slices.DeleteFunc(slices.Clone(r.Running), func(id string) bool { return id == analysis })
	return r
}
