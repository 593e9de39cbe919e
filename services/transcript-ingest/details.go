package ingest

import (
	"maps"
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/services/internal/chars"
)

const (
	maxLabels = 32
	// A call begins and ends between these years: beyond them times cannot be ordered by nanoseconds since 1970.
	firstYear, lastYear = 1970, 2200
)

// checkDetails checks what a publisher says about a call. Faults name the field, as call.label.
func checkDetails(d *transcriptv1.CallDetails) error {
	if d == nil { // as most words come
		return nil
	}
	checks := []error{
		chars.OneLine("call.label", d.GetLabel(), 0, maxID),
		checkTime("call.startedAt", d.GetStartedAt()),
		chars.OneLine("call.agentAccount", d.GetAgentAccount(), 0, maxID),
		chars.OneLine("call.agentNumber", d.GetAgentNumber(), 0, maxID),
		chars.OneLine("call.customerNumber", d.GetCustomerNumber(), 0, maxID),
		chars.OneLine("call.queue", d.GetQueue(), 0, maxID),
		chars.OneOf("call.direction", d.GetDirection(), "", "inbound", "outbound"),
		checkLabels(d.GetLabels()),
		checkLinks(d.GetLinks()),
	}
	for _, k := range slices.Sorted(maps.Keys(d.GetLabels())) { // of several wrong ones the same is named each time
		checks = append(checks, chars.OneLine("call.labels", k, 1, maxID), chars.OneLine("call.labels", d.GetLabels()[k], 0, maxID))
	}
	return first(checks)
}

// checkLabels checks how many labels a call has.
func checkLabels(labels map[string]string) error {
	if len(labels) <= maxLabels {
		return nil
	}
	return fault.New(fault.Unprocessable, "FIELD_TOO_LONG", fault.Field("call.labels"),
		fault.Param("limit", strconv.Itoa(maxLabels)), fault.Param("length", strconv.Itoa(len(labels))))
}

// checkTime refuses times that nothing can be ordered by; none is no fault.
func checkTime(field string, t *timestamppb.Timestamp) error {
	if t == nil || t.IsValid() && t.AsTime().Year() >= firstYear && t.AsTime().Year() <= lastYear {
		return nil
	}
	return fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field(field),
		fault.Param("allowed", strconv.Itoa(firstYear)+"-"+strconv.Itoa(lastYear)))
}

// first is the first error that is one.
func first(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// agent is who took a call: a known account, or text that gives nobody rights.
type agent struct{ id, name string }

// merge lays what a publisher said over what is known; what is left out stays, and so do labels of other names
// and links to other calls.
func merge(old *eventv1.CallInfo, d *transcriptv1.CallDetails, a agent) *eventv1.CallInfo {
	out := proto.CloneOf(old)
	for _, f := range []struct {
		to  *string
		say string
	}{
		{&out.Label, d.GetLabel()}, {&out.AgentNumber, d.GetAgentNumber()}, {&out.CustomerNumber, d.GetCustomerNumber()},
		{&out.Queue, d.GetQueue()}, {&out.Direction, d.GetDirection()},
	} {
		if f.say != "" {
			*f.to = f.say
		}
	}
	if d.GetStartedAt() != nil {
		out.StartedAt = d.GetStartedAt()
	}
	if a != (agent{}) {
		out.AgentAccountId, out.AgentName = a.id, a.name
	}
	if out.GetLabels() == nil {
		out.Labels = map[string]string{}
	}
	maps.Copy(out.GetLabels(), d.GetLabels())
	out.Links = mergeLinks(out.GetLinks(), d.GetLinks())
	return out
}
