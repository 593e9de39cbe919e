package notify

import (
	"encoding/json"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	notificationv1 "github.com/kikigaki/kikigaki/proto/kikigaki/notification/v1"
)

// notificationJSON is an outcome as it goes over HTTP, in lists and on event streams alike.
type notificationJSON struct {
	ID          string     `json:"id"`
	Type        string     `json:"type"`
	Time        time.Time  `json:"time"`
	CallID      string     `json:"callId,omitempty"`
	Call        *callJSON  `json:"call,omitempty"`
	AnalysisID  string     `json:"analysisId,omitempty"`
	Prompt      *namedJSON `json:"prompt,omitempty"`
	RequestedBy *namedJSON `json:"requestedBy,omitempty"`
	Error       *errorJSON `json:"error,omitempty"`
	// Key and Params are an alert's.
	Key    *namedJSON        `json:"key,omitempty"`
	Params map[string]string `json:"params,omitempty"`
}

// callJSON names a call to people. It is absent where nothing is known of the call, or may be said any more.
type callJSON struct {
	Label        string     `json:"label"`
	StartedAt    *time.Time `json:"startedAt,omitempty"`
	AgentAccount *namedJSON `json:"agentAccount,omitempty"`
}

type namedJSON struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type errorJSON struct {
	Code   string            `json:"code"`
	Params map[string]string `json:"params,omitempty"`
}

func toJSON(n *notificationv1.Notification) notificationJSON {
	out := notificationJSON{
		ID: n.GetId(), Type: n.GetType(), Time: n.GetTime().AsTime(), CallID: n.GetCallId(),
		AnalysisID:  n.GetAnalysisId(),
		Prompt:      named(n.GetPromptId(), n.GetPromptName()),
		RequestedBy: named(n.GetRequestedById(), n.GetRequestedByName()),
		Key:         named(n.GetKeyId(), n.GetKeyName()), Params: n.GetAlertParams(),
	}
	if n.GetCallLabel() != "" || n.GetCallStartedAt() != nil || n.GetAgentName() != "" {
		out.Call = &callJSON{
			Label: n.GetCallLabel(), StartedAt: optionalTime(n.GetCallStartedAt()),
			AgentAccount: named(n.GetAgentAccountId(), n.GetAgentName()),
		}
	}
	if n.GetErrorCode() != "" {
		out.Error = &errorJSON{Code: n.GetErrorCode(), Params: n.GetErrorParams()}
	}
	return out
}

func named(id, name string) *namedJSON {
	if id == "" && name == "" {
		return nil
	}
	return &namedJSON{ID: id, Name: name}
}

func optionalTime(t *timestamppb.Timestamp) *time.Time {
	if t == nil {
		return nil
	}
	at := t.AsTime()
	return &at
}

// encodeFrame writes an outcome as one event of an event stream.
func encodeFrame(n *notificationv1.Notification) []byte {
	return event(n.GetId(), n.GetType(), toJSON(n))
}

// event writes an event of an event stream. JSON has no line breaks of its own, so data is one line.
func event(id, kind string, data any) []byte {
	raw, err := json.Marshal(data)
	if err != nil {
		raw = []byte("{}") // strings, times and maps of strings always encode
	}
	out := make([]byte, 0, len(id)+len(kind)+len(raw)+32)
	out = append(append(out, "id: "...), id...)
	out = append(append(out, "\nevent: "...), kind...)
	out = append(append(out, "\ndata: "...), raw...)
	return append(out, "\n\n"...)
}
