package ingest

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/services/internal/chars"
)

const (
	maxLabels   = 32
	stateLive   = "live"
	stateEnded  = "finished"
	endByEvent  = "event"
	endByImport = "import"
)

// record is a call as its events made it.
type record struct {
	Info    []byte    `json:"info"` // CallInfo
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`
	Erased  bool      `json:"erased,omitempty"`
	// Running are the analyses that keep the call busy, in their order.
	Running []string `json:"running,omitempty"`
}

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
	} else if r.Started.IsZero() {
		r.Started = at
	}
	return r, err
}

func (r record) analysisEnded(analysis string) record {
	r.Running = slices.DeleteFunc(slices.Clone(r.Running), func(id string) bool { return id == analysis })
	return r
}

// checkDetails checks what a publisher says about a call.
func checkDetails(d *transcriptv1.CallDetails) error {
	if d == nil {
		return nil
	}
	checks := []error{
		chars.OneLine("call.label", d.GetLabel(), 0, maxID),
		chars.OneLine("call.agentAccount", d.GetAgentAccount(), 0, maxID),
		chars.OneLine("call.agentNumber", d.GetAgentNumber(), 0, maxID),
		chars.OneLine("call.customerNumber", d.GetCustomerNumber(), 0, maxID),
		chars.OneLine("call.queue", d.GetQueue(), 0, maxID),
		chars.OneOf("call.direction", d.GetDirection(), "", "inbound", "outbound"),
	}
	if len(d.GetLabels()) > maxLabels {
		checks = append(checks, fault.New(fault.Unprocessable, "FIELD_TOO_LONG", fault.Field("call.labels"),
			fault.Param("limit", strconv.Itoa(maxLabels)), fault.Param("length", strconv.Itoa(len(d.GetLabels())))))
	}
	for k, v := range d.GetLabels() {
		checks = append(checks, chars.OneLine("call.labels", k, 1, maxID), chars.OneLine("call.labels", v, 0, maxID))
	}
	for _, err := range checks {
		if err != nil {
			return err
		}
	}
	return nil
}

// agent is who took a call: a known account, or text that gives nobody rights.
type agent struct{ id, name string }

// merge lays what a publisher said over what is known; what is left out stays.
func merge(old *eventv1.CallInfo, d *transcriptv1.CallDetails, a agent) *eventv1.CallInfo {
	out, _ := proto.Clone(old).(*eventv1.CallInfo)
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
	if len(d.GetLabels()) > 0 {
		if out.Labels == nil {
			out.Labels = map[string]string{}
		}
		maps.Copy(out.Labels, d.GetLabels())
	}
	return out
}
