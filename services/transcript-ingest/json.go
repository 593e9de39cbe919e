package ingest

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/services/internal/edge"
)

// person is an account, or who the publisher named without one: then the id is empty.
type person struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// linkJSON is another call that belongs to a call; incoming where the other one says so.
type linkJSON struct {
	CallID   string `json:"callId"`
	Relation string `json:"relation"`
	Incoming bool   `json:"incoming"`
}

// callJSON is a call as the API shows it. What nobody said is empty, times and persons are null.
type callJSON struct {
	ID                string            `json:"id"`
	Label             string            `json:"label"`
	StartedAt         *string           `json:"startedAt"`
	EndedAt           *string           `json:"endedAt"`
	State             string            `json:"state"`
	AgentAccount      *person           `json:"agentAccount"`
	AgentNumber       string            `json:"agentNumber"`
	CustomerNumber    string            `json:"customerNumber"`
	Queue             string            `json:"queue"`
	Direction         string            `json:"direction"`
	Labels            map[string]string `json:"labels"`
	Links             []linkJSON        `json:"links"`
	Revision          uint32            `json:"revision"`
	RunningAnalysisID string            `json:"runningAnalysisId,omitempty"`
}

func callOf(c *transcriptv1.Call) callJSON {
	out := callJSON{
		ID: c.GetId(), Label: c.GetLabel(), StartedAt: edge.Time(c.GetStartedAt()), EndedAt: edge.Time(c.GetEndedAt()),
		State: c.GetState(), AgentNumber: c.GetAgentNumber(), CustomerNumber: c.GetCustomerNumber(),
		Queue: c.GetQueue(), Direction: c.GetDirection(), Labels: c.GetLabels(), Revision: c.GetRevision(),
		RunningAnalysisID: c.GetRunningAnalysisId(), Links: []linkJSON{},
	}
	for _, l := range c.GetLinks() {
		out.Links = append(out.Links, linkJSON{l.GetCallId(), l.GetRelation(), l.GetIncoming()})
	}
	if c.GetAgentName() != "" {
		out.AgentAccount = &person{c.GetAgentAccountId(), c.GetAgentName()}
	}
	if out.Labels == nil {
		out.Labels = map[string]string{}
	}
	return out
}

// utteranceJSON is an utterance as the API shows it; times in seconds since the call's start, null where nobody said.
type utteranceJSON struct {
	UtteranceID string   `json:"utteranceId"`
	Version     uint32   `json:"version"`
	Order       int64    `json:"order"`
	Kind        string   `json:"kind"`
	Speaker     string   `json:"speaker"`
	Text        string   `json:"text"`
	StartSec    *float64 `json:"startSec"`
	DurationSec *float64 `json:"durationSec"`
	Vendor      string   `json:"vendor"`
	CreatedAt   *string  `json:"createdAt"`
	UpdatedAt   *string  `json:"updatedAt"`
}

func utteranceJSONOf(u *transcriptv1.Utterance) utteranceJSON {
	return utteranceJSON{
		UtteranceID: u.GetUtteranceId(), Version: u.GetVersion(), Order: u.GetOrder(), Kind: u.GetKind(),
		Speaker: u.GetSpeaker(), Text: u.GetText(), StartSec: u.StartSec, DurationSec: u.DurationSec,
		Vendor: u.GetVendor(), CreatedAt: edge.Time(u.GetCreatedAt()), UpdatedAt: edge.Time(u.GetUpdatedAt()),
	}
}

// appendBody is what a publisher posts.
type appendBody struct {
	Call *struct {
		Label          string            `json:"label"`
		StartedAt      *time.Time        `json:"startedAt"`
		AgentAccount   string            `json:"agentAccount"`
		AgentNumber    string            `json:"agentNumber"`
		CustomerNumber string            `json:"customerNumber"`
		Queue          string            `json:"queue"`
		Direction      string            `json:"direction"`
		Labels         map[string]string `json:"labels"`
		Links          []struct {
			CallID   string `json:"callId"`
			Relation string `json:"relation"`
		} `json:"links"`
	} `json:"call"`
	Utterances []struct {
		UtteranceID string   `json:"utteranceId"`
		Version     uint32   `json:"version"`
		Order       int64    `json:"order"`
		Kind        string   `json:"kind"`
		Speaker     string   `json:"speaker"`
		Text        string   `json:"text"`
		StartSec    *float64 `json:"startSec"`
		DurationSec *float64 `json:"durationSec"`
		Vendor      string   `json:"vendor"`
	} `json:"utterances"`
}

func (b appendBody) request(call string) *transcriptv1.AppendUtterancesRequest {
	out := &transcriptv1.AppendUtterancesRequest{CallId: call}
	if c := b.Call; c != nil {
		out.Call = &transcriptv1.CallDetails{
			Label: c.Label, StartedAt: stamp(c.StartedAt), AgentAccount: c.AgentAccount, AgentNumber: c.AgentNumber,
			CustomerNumber: c.CustomerNumber, Queue: c.Queue, Direction: c.Direction, Labels: c.Labels,
		}
		for _, l := range c.Links {
			out.Call.Links = append(out.Call.Links, &transcriptv1.CallLink{CallId: l.CallID, Relation: l.Relation})
		}
	}
	for _, u := range b.Utterances {
		out.Utterances = append(out.Utterances, &transcriptv1.NewUtterance{
			UtteranceId: u.UtteranceID, Version: u.Version, Order: u.Order, Kind: u.Kind, Speaker: u.Speaker, Text: u.Text,
			StartSec: u.StartSec, DurationSec: u.DurationSec, Vendor: u.Vendor,
		})
	}
	return out
}

// stamp is a time that a request may leave out.
func stamp(t *time.Time) *timestamppb.Timestamp {
	if t == nil {
		return nil
	}
	return timestamppb.New(*t)
}

// importedCall is what became of one call of a file.
type importedCall struct {
	CallID      string `json:"callId"`
	Format      string `json:"format"`
	Accepted    uint32 `json:"accepted"`
	Duplicates  uint32 `json:"duplicates"`
	Corrected   uint32 `json:"corrected"`
	Conflicting uint32 `json:"conflicting"`
	Revision    uint32 `json:"revision"`
}

// add counts what became of one append of it.
func (c *importedCall) add(res *transcriptv1.AppendUtterancesResponse) {
	c.Accepted += res.GetAccepted()
	c.Duplicates += res.GetDuplicates()
	c.Corrected += res.GetCorrected()
	c.Conflicting += res.GetConflicting()
	c.Revision = res.GetRevision()
}

// refusedLine is a line of a file, counted from 1, that was not taken, and why.
type refusedLine struct {
	Line  int    `json:"line"`
	Field string `json:"field"`
	Code  string `json:"code"`
}

type importJSON struct {
	Calls   []importedCall `json:"calls"`
	Refused []refusedLine  `json:"refused"`
}

// receiptJSON is what has arrived of a call. A range of orders is null where no publisher gave any.
type receiptJSON struct {
	CallID         string    `json:"callId"`
	State          string    `json:"state"`
	Revision       uint32    `json:"revision"`
	Accepted       uint32    `json:"accepted"`
	Corrected      uint32    `json:"corrected"`
	Duplicates     uint32    `json:"duplicates"`
	MoreDuplicates bool      `json:"moreDuplicates"`
	Conflicting    uint32    `json:"conflicting"`
	Late           uint32    `json:"late"`
	Reordered      uint32    `json:"reordered"`
	RecognizerLost uint32    `json:"recognizerLost"`
	Orders         *gapJSON  `json:"orders"`
	Missing        uint64    `json:"missing"`
	Gaps           []gapJSON `json:"gaps"`
}

// gapJSON is a range of orders, both ends included.
type gapJSON struct {
	First int64 `json:"first"`
	Last  int64 `json:"last"`
}

func receiptJSONOf(r *transcriptv1.Receipt) receiptJSON {
	out := receiptJSON{
		CallID: r.GetCallId(), State: r.GetState(), Revision: r.GetRevision(), Accepted: r.GetAccepted(),
		Corrected: r.GetCorrected(), Duplicates: r.GetDuplicates(), MoreDuplicates: r.GetMoreDuplicates(),
		Conflicting: r.GetConflicting(), Late: r.GetLate(), Reordered: r.GetReordered(),
		RecognizerLost: r.GetRecognizerLost(), Missing: r.GetMissing(), Gaps: []gapJSON{},
	}
	if r.GetLastOrder() > 0 {
		out.Orders = &gapJSON{r.GetFirstOrder(), r.GetLastOrder()}
	}
	for _, g := range r.GetGaps() {
		out.Gaps = append(out.Gaps, gapJSON{g.GetFirst(), g.GetLast()})
	}
	return out
}
