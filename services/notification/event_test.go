package notify

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
)

// callStart is when the calls of the tests began.
func callStart() *timestamppb.Timestamp {
	return timestamppb.New(time.Date(2026, 4, 1, 8, 30, 0, 0, time.UTC))
}

func info(label string) *eventv1.CallInfo {
	return &eventv1.CallInfo{Label: label, StartedAt: callStart(), AgentAccountId: "agent", AgentName: "Agent"}
}

func opened(label string) *eventv1.CallEvent {
	return &eventv1.CallEvent{Kind: &eventv1.CallEvent_Opened{Opened: &eventv1.CallOpened{Info: info(label)}}}
}

func changed(label string) *eventv1.CallEvent {
	return &eventv1.CallEvent{Kind: &eventv1.CallEvent_Changed{Changed: &eventv1.CallChanged{Info: info(label)}}}
}

func ended() *eventv1.CallEvent {
	return &eventv1.CallEvent{Kind: &eventv1.CallEvent_Ended{Ended: &eventv1.CallEnded{Cause: "event"}}}
}

func erased() *eventv1.CallEvent {
	return &eventv1.CallEvent{Kind: &eventv1.CallEvent_Erased{Erased: &eventv1.CallErased{}}}
}

func result(analysis, account string) *eventv1.Outcome {
	return &eventv1.Outcome{
		AnalysisId: analysis, CallLabel: "Order 17", CallStartedAt: callStart(),
		AgentAccountId: "agent", AgentName: "Agent", PromptId: "prompt-1", PromptName: "Summary",
		RequestedBy: &eventv1.Actor{AccountId: account, Name: "Name of " + account},
	}
}

func completed(analysis, account string) *eventv1.CallEvent {
	return &eventv1.CallEvent{Kind: &eventv1.CallEvent_Completed{
		Completed: &eventv1.AnalysisCompleted{Outcome: result(analysis, account)},
	}}
}

func failedEvent(analysis, account string) *eventv1.CallEvent {
	return &eventv1.CallEvent{Kind: &eventv1.CallEvent_Failed{Failed: &eventv1.AnalysisFailed{
		Outcome: result(analysis, account), Code: "PROVIDER_AUTH", Status: 401,
		Params: map[string]string{"key": "Main", "model": "m-1", "region": "jp"},
	}}}
}

func cancelled(analysis, account string) *eventv1.CallEvent {
	return &eventv1.CallEvent{Kind: &eventv1.CallEvent_Cancelled{
		Cancelled: &eventv1.AnalysisCancelled{Outcome: result(analysis, account)},
	}}
}

func deleted(analysis string) *eventv1.CallEvent {
	return &eventv1.CallEvent{Kind: &eventv1.CallEvent_Deleted{
		Deleted: &eventv1.AnalysisDeleted{AnalysisId: analysis},
	}}
}
