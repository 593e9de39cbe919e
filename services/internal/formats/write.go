package formats

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

// Export is a call to be written, with what was said in it at one revision.
type Export struct {
	Call       *transcriptv1.Call
	Utterances []*transcriptv1.Utterance
}

// Write writes calls one by one, a line each, as JSONL or as vCons; a file of one vCon is a vCon file. What was
// written comes back from [Read] as it was: the call's id, details, links, start and end, and each utterance's id, version,
// order, kind, speaker, text, times and vendor. Not written are the agent's name where the account is known by its id
// (vCon has both), revisions before the one at hand, links by which another call names this one, and when utterances arrived.
//
// An error of the sequence ends it and is returned. FORMAT_UNSUPPORTED for a format that is only read.
func Write(w io.Writer, f Format, calls iter.Seq2[Export, error]) error {
	if f != JSONL && f != VCon {
		return fault.New(fault.Unprocessable, "FORMAT_UNSUPPORTED", fault.Field("format"))
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	for call, err := range calls {
		if err != nil {
			return err
		}
		var line any = dialogueOf(call)
		if f == VCon {
			line = vconOf(call)
		}
		if err := out.Encode(line); err != nil {
			return fmt.Errorf("formats: write: %w", err)
		}
	}
	return nil
}

// dialogueJSON is a line of JSONL, all that we know of a call.
type dialogueJSON struct {
	ID             string            `json:"id"`
	Label          string            `json:"label"`
	StartedAt      string            `json:"started_at,omitempty"`
	EndedAt        string            `json:"ended_at,omitempty"`
	AgentAccount   string            `json:"agent_account,omitempty"`
	AgentNumber    string            `json:"agent_number,omitempty"`
	CustomerNumber string            `json:"customer_number,omitempty"`
	Queue          string            `json:"queue,omitempty"`
	Direction      string            `json:"direction,omitempty"`
	Labels         map[string]string `json:"labels,omitempty"`
	Links          []linkJSON        `json:"links,omitempty"`
	Utterances     []sayingJSON      `json:"utterances"`
}

type linkJSON struct {
	CallID   string `json:"call_id"`
	Relation string `json:"relation,omitempty"`
}

type sayingJSON struct {
	ID       string   `json:"id"`
	Version  uint32   `json:"version,omitempty"`
	Order    int64    `json:"order,omitempty"`
	Kind     string   `json:"kind,omitempty"`
	Speaker  string   `json:"speaker"`
	Start    *float64 `json:"start_sec,omitempty"`
	Duration *float64 `json:"duration_sec,omitempty"`
	Text     string   `json:"text"`
	Vendor   string   `json:"vendor,omitempty"`
}

func dialogueOf(x Export) dialogueJSON {
	c := x.Call
	out := dialogueJSON{
		ID: c.GetId(), Label: c.GetLabel(), StartedAt: written(c.GetStartedAt()), EndedAt: written(c.GetEndedAt()),
		AgentAccount: c.GetAgentAccountId(), AgentNumber: c.GetAgentNumber(), CustomerNumber: c.GetCustomerNumber(),
		Queue: c.GetQueue(), Direction: c.GetDirection(), Labels: c.GetLabels(),
		Utterances: make([]sayingJSON, 0, len(x.Utterances)),
	}
	if out.AgentAccount == "" {
		out.AgentAccount = c.GetAgentName()
	}
	for _, l := range c.GetLinks() {
		if !l.GetIncoming() { // the other call says that
			out.Links = append(out.Links, linkJSON{l.GetCallId(), l.GetRelation()})
		}
	}
	for _, u := range x.Utterances {
		s := sayingJSON{
			ID: u.GetUtteranceId(), Version: u.GetVersion(), Order: u.GetOrder(), Speaker: u.GetSpeaker(),
			Start: u.StartSec, Duration: u.DurationSec, Text: u.GetText(), Vendor: u.GetVendor(),
		}
		if u.GetKind() != "utterance" {
			s.Kind = u.GetKind()
		}
		out.Utterances = append(out.Utterances, s)
	}
	return out
}

// written is a time to the nanosecond; empty for none.
func written(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().Format(time.RFC3339Nano)
}

// vconJSON is a vCon of the core draft, syntax 0.4.0.
type vconJSON struct {
	VCon        string         `json:"vcon"`
	UUID        string         `json:"uuid"`
	CreatedAt   string         `json:"created_at"`
	Subject     string         `json:"subject,omitempty"`
	Extensions  []string       `json:"extensions,omitempty"`
	Parties     []partyJSON    `json:"parties"`
	Dialog      []talkJSON     `json:"dialog"`
	Analysis    []analysisJSON `json:"analysis"`
	Attachments []struct{}     `json:"attachments"`
}

type partyJSON struct {
	Tel  string `json:"tel,omitempty"`
	Name string `json:"name,omitempty"`
	Role string `json:"role,omitempty"`
}

type talkJSON struct {
	Type       string   `json:"type"`
	Start      string   `json:"start,omitempty"`
	Duration   *float64 `json:"duration,omitempty"`
	Parties    []int    `json:"parties"`
	Originator *int     `json:"originator,omitempty"`
	Skill      string   `json:"skill,omitempty"`
}

type analysisJSON struct {
	Type      string       `json:"type"`
	Dialog    int          `json:"dialog"`
	Mediatype string       `json:"mediatype"`
	Vendor    string       `json:"vendor"`
	Product   string       `json:"product"`
	Schema    string       `json:"schema"`
	Encoding  string       `json:"encoding"`
	Body      dialogueJSON `json:"body"`
}

// vconOf puts a call into a vCon: parties and times where everyone looks for them, and all of it in one analysis of our
// own schema, from which it comes back whole.
func vconOf(x Export) vconJSON {
	c := x.Call
	talk := talkJSON{Type: "recording", Start: written(c.GetStartedAt()), Parties: []int{0, 1}, Skill: c.GetQueue()}
	switch c.GetDirection() {
	case "outbound":
		talk.Originator = new(0)
	case "inbound":
		talk.Originator = new(1)
	}
	if c.GetStartedAt() != nil && c.GetEndedAt() != nil {
		if length := c.GetEndedAt().AsTime().Sub(c.GetStartedAt().AsTime()); length >= 0 {
			talk.Duration = new(length.Seconds())
		}
	}
	return vconJSON{
		VCon: "0.4.0", UUID: uuidOf(c.GetId()), CreatedAt: createdAt(x), Subject: c.GetLabel(), Extensions: []string{"CC"},
		Parties: []partyJSON{
			{c.GetAgentNumber(), c.GetAgentName(), "agent"},
			{c.GetCustomerNumber(), c.GetLabels()["customer.name"], "customer"},
		},
		Dialog: []talkJSON{talk},
		Analysis: []analysisJSON{{
			Type: "transcript", Mediatype: "application/json", Vendor: ownVendor, Product: ownVendor, Schema: ownSchema,
			Encoding: "json", Body: dialogueOf(x),
		}},
		Attachments: []struct{}{},
	}
}

// createdAt is when the contents of a vCon came to be: the call's end, or the last that is known before it. The same
// call written twice is the same file.
func createdAt(x Export) string {
	for _, t := range []*timestamppb.Timestamp{x.Call.GetEndedAt(), x.Call.GetStartedAt()} {
		if t != nil {
			return written(t)
		}
	}
	last := time.Unix(0, 0)
	for _, u := range x.Utterances {
		if t := u.GetCreatedAt(); t != nil && t.AsTime().After(last) {
			last = t.AsTime()
		}
	}
	return last.UTC().Format(time.RFC3339Nano)
}

// uuidOf is a UUID of version 8 (RFC 9562) made of a call's id.
func uuidOf(id string) string {
	b := sha256.Sum256([]byte("kikigaki call " + id))
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
