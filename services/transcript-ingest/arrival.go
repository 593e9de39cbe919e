package ingest

import (
	"context"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// arrival is what one message of a publisher says about one call, checked: details of it, words, its end, in this order.
// Whatever way a message came, this is what is left of it.
type arrival struct {
	passage

	call    string
	details *transcriptv1.CallDetails
	ends    bool
	ended   *timestamppb.Timestamp
}

// arrivalOf checks words of a call, its end, or both. Faults are those of AppendUtterances and EndCall.
func arrivalOf(
	in *transcriptv1.AppendUtterancesRequest, end *transcriptv1.EndCallRequest, at *timestamppb.Timestamp,
) (arrival, error) {
	a := arrival{call: in.GetCallId(), details: in.GetCall(), ends: end != nil, ended: end.GetEndedAt()}
	switch {
	case in == nil && end == nil:
		return a, fault.New(fault.Unprocessable, "FIELD_REQUIRED", fault.Field("append"), fault.Param("min", "1"))
	case in == nil:
		a.call = end.GetCallId()
	case end.GetCallId() != "" && end.GetCallId() != a.call:
		return a, fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field("end.callId"))
	}
	if err := a.check(); err != nil || in == nil {
		return a, err
	}
	var err error
	a.passage, err = passageOf(in.GetUtterances(), at)
	return a, err
}

// check checks what is not words.
func (a arrival) check() error {
	return first([]error{checkID("callId", a.call), checkDetails(a.details), checkTime("endedAt", a.ended)})
}

// taken is what became of an arrival.
type taken struct {
	res *transcriptv1.AppendUtterancesResponse
	pos stream.Position
	err error
}

// refused tells whether an error is a verdict on what was sent. Any other is trouble of ours, and the same message may be
// taken later.
func refused(err error) bool {
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Unprocessable, fault.TooLarge, fault.Gone, fault.NotFound, fault.Forbidden, fault.Conflict,
		fault.UnsupportedMedia:
		return true
	default:
		return false
	}
}

// bring takes an arrival in. Once again, what was in is found there.
func (s *Service) bring(ctx context.Context, by identity.Caller, r ref, a arrival) taken {
	out := taken{}
	switch {
	case len(a.words) > 0:
		out.res, out.pos, out.err = s.take(ctx, by, r, a.details, a.passage)
	case !a.ends || proto.Size(a.details) > 0:
		_, out.pos, out.err = s.open(ctx, by, r, a.details)
	}
	if out.err == nil && a.ends {
		var pos stream.Position
		pos, out.err = s.end(ctx, by, r, a.ended, endByEvent)
		out.pos = furthest(out.pos, pos)
	}
	return out
}
