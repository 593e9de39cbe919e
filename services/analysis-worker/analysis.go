package analysis

import (
	"time"

	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
)

// States of an analysis. The last three are terminal.
const (
	StateQueued    = "queued"
	StateRunning   = "running"
	StateCompleted = "completed"
	StateFailed    = "failed"
	StateCancelled = "cancelled"
)

// Priorities: interactive goes before bulk.
const (
	PriorityInteractive = "interactive"
	PriorityBulk        = "bulk"
)

// runTime is how long an analysis may run from its first start: 10 minutes. Waiting for a turn does not count, and
// no later start renews it.
const runTime = 10 * time.Minute

// Record is an analysis as its events made it.
type Record struct {
	ID       string         `json:"id"`
	Tenant   string         `json:"tenant"`
	Call     string         `json:"call"`
	Sequence uint64         `json:"sequence"` // of requested
	Index    int            `json:"index"`    // among those of its request
	Prompt   Prompt         `json:"prompt"`
	Key      Key            `json:"key"`
	Priority string         `json:"priority"`
	State    string         `json:"state"`
	By       Person         `json:"by"`
	Info     CallInfo       `json:"info"` // as of the request
	Revision uint32         `json:"revision"`
	Last     string         `json:"last"`             // utterance
	Tokens   int            `json:"tokens,omitempty"` // of the transcript, about; 0: nobody has said
	Asked    time.Time      `json:"asked"`
	Started  time.Time      `json:"started"` // first time; zero while queued
	Deadline time.Time      `json:"deadline"`
	Attempts uint32         `json:"attempts"`
	Finished time.Time      `json:"finished"`
	Open     []Sent         `json:"open,omitempty"` // sent and not answered
	Tries    uint32         `json:"tries"`          // of level 0, index 0
	Requests []string       `json:"requests,omitempty"`
	Usage    Usage          `json:"usage"`
	Text     string         `json:"text,omitempty"`
	HasText  bool           `json:"hasText,omitempty"`
	Error    *ProviderError `json:"error,omitempty"`
	// Trace is the traceparent under which it was requested: whoever works on it goes on with that trace.
	Trace string `json:"trace,omitempty"`
}

// Prompt is a prompt as of the request.
type Prompt struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Revision uint32 `json:"revision"`
	Text     string `json:"text"`
	Split    string `json:"split"`
	// MapText is what each piece of a split transcript is asked; empty: Text.
	MapText string `json:"mapText,omitempty"`
}

// Key is a key as of the request.
type Key struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	Model string `json:"model"`
	Lane  string `json:"lane"`
}

// Person is who asked.
type Person struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// CallInfo is what a notification says about a call.
type CallInfo struct {
	Label        string    `json:"label"`
	StartedAt    time.Time `json:"startedAt"`
	AgentAccount string    `json:"agentAccount"`
	AgentName    string    `json:"agentName"`
}

// Sent is a request that left, or was about to.
type Sent struct {
	Level, Index, Try uint32
	RequestID         string
}

// Usage is counted from the provider's answers.
type Usage struct {
	Requests     int64 `json:"requests"`
	InputTokens  int64 `json:"inputTokens"`
	OutputTokens int64 `json:"outputTokens"`
	Maybe        int64 `json:"maybe"` // sent by a replica that died before the answer
}

// ProviderError is why an analysis failed.
type ProviderError struct {
	Code         string            `json:"code"`
	Status       int32             `json:"status"`
	ProviderCode string            `json:"providerCode"`
	Message      string            `json:"message"`
	RequestID    string            `json:"requestId"`
	Params       map[string]string `json:"params,omitempty"`
}

// Terminal tells whether the analysis has ended.
func (r Record) Terminal() bool {
	return r.State == StateCompleted || r.State == StateFailed || r.State == StateCancelled
}

// start is what a replica writes when it begins, or goes on with, an analysis.
func (r Record) start(now time.Time) (attempt uint32, deadline time.Time) {
	deadline = r.Deadline
	if deadline.IsZero() {
		deadline = now.Add(runTime)
	}
	return r.Attempts + 1, deadline
}

// outcome is what every terminal event says, as of the request and without a word of the call.
func (r Record) outcome() *eventv1.Outcome {
	return &eventv1.Outcome{
		AnalysisId: r.ID, CallLabel: r.Info.Label, CallStartedAt: stamp(r.Info.StartedAt),
		AgentAccountId: r.Info.AgentAccount, AgentName: r.Info.AgentName,
		PromptId: r.Prompt.ID, PromptName: r.Prompt.Name,
		RequestedBy: &eventv1.Actor{AccountId: r.By.ID, Name: r.By.Name},
		Usage:       r.total().proto(), Attempts: r.Attempts, ProviderRequestIds: r.Requests,
	}
}

// total is the usage with what may have been paid: requests that nobody will answer any more.
func (r Record) total() Usage {
	u := r.Usage
	u.Maybe += int64(len(r.Open))
	return u
}

func (u Usage) proto() *eventv1.Usage {
	return &eventv1.Usage{
		Requests: u.Requests, InputTokens: u.InputTokens, OutputTokens: u.OutputTokens, MaybeRequests: u.Maybe,
	}
}
