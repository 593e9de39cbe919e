package history

import "time"

// Offset is a moment of a campaign: µs since its history was opened, by the monotonic clock.
type Offset int64

// String is the moment as a duration, in ms from a second on.
func (o Offset) String() string {
	d := time.Duration(o) * time.Microsecond
	if d >= time.Second {
		d = d.Round(time.Millisecond)
	}
	return d.String()
}

// Record is one line of a history. Exactly one of its kinds is set.
type Record struct {
	// At is when the record was written; the [Recorder] sets it.
	At Offset `json:"at"`

	// What clients did and saw, as it happens.

	Say       *Say       `json:"say,omitempty"`
	Analyse   *Analyse   `json:"analyse,omitempty"`
	End       *End       `json:"end,omitempty"`
	Cancel    *Cancel    `json:"cancel,omitempty"`
	Heard     *Heard     `json:"heard,omitempty"`
	Fault     *Fault     `json:"fault,omitempty"`
	Recovered *Recovered `json:"recovered,omitempty"`

	// What was there when all was over.

	Screen   *Screen   `json:"screen,omitempty"`
	Read     *Read     `json:"read,omitempty"`
	Log      *Log      `json:"log,omitempty"`
	Provider *Provider `json:"provider,omitempty"`
}

// Try is one request of a client. A request that is made again is another record.
type Try struct {
	// Client does one thing after the other.
	Client string `json:"client"`
	// Status is the HTTP status; 0 when no answer came.
	Status int `json:"status"`
	// Started is before the request was sent, Ended after its answer was read or given up.
	Started Offset `json:"started"`
	Ended   Offset `json:"ended"`
}

// acknowledged tells whether the client was promised something.
func (t Try) acknowledged() bool { return t.Status >= 200 && t.Status < 300 }

// Say is an utterance that was sent.
type Say struct {
	Try

	Call        string `json:"call"`
	UtteranceID string `json:"utteranceId"`
	// Order is the publisher's, where it gave one. The order that is checked is that of acknowledgements.
	Order int64  `json:"order,omitempty"`
	Text  string `json:"text"`
}

// Analyse is a request for analyses.
type Analyse struct {
	Try

	Call string `json:"call"`
	// AnalysisIDs are those that the answer named as accepted.
	AnalysisIDs []string `json:"analysisIds,omitempty"`
	// IdempotencyKey is no other request's, whoever makes it: a campaign takes a new one for each thing it wants.
	IdempotencyKey string `json:"idempotencyKey,omitempty"`
}

// End is a request to end a call.
type End struct {
	Try

	Call string `json:"call"`
}

// Cancel is a request to cancel an analysis.
type Cancel struct {
	Try

	AnalysisID string `json:"analysisId"`
}

// Heard is an event that a screen was told, as the person in front of it is: ids that it has had are left out.
type Heard struct {
	Screen string `json:"screen"`
	// EventID is <incarnation>-<sequence>; empty for hints, on which nothing is checked.
	EventID string `json:"eventId,omitempty"`
	// Type is e.g. analysis.completed.
	Type       string `json:"type,omitempty"`
	AnalysisID string `json:"analysisId,omitempty"`
	// Reset says that the screen was told to fetch everything again.
	Reset bool `json:"reset,omitempty"`
}

// Kinds of faults.
const (
	// Kill is SIGKILL of a process.
	Kill = "kill"
	// Cut is a power cut.
	Cut = "cut"
	// Stop is an orderly stop.
	Stop = "stop"
	// Leader is the loss of a stream's leader.
	Leader = "leader"
)

// Fault is what the campaign did to the system, written at the moment when it does it.
type Fault struct {
	// Kind is one of the constants, or any other word.
	Kind string `json:"kind"`
	// Hit is what it hit, e.g. the name of a process.
	Hit string `json:"hit,omitempty"`
}

// Recovered says how long the system took after a fault until it was ready.
type Recovered struct {
	// Kind of the fault.
	Kind string `json:"kind"`
	Hit  string `json:"hit,omitempty"`
	Took Offset `json:"took"`
}

// Screen says at the end of a campaign what a screen must have heard.
type Screen struct {
	Screen string `json:"screen"`
	// Tenant of the screen: an outcome of another is a violation. Empty when all are of one.
	Tenant string `json:"tenant,omitempty"`
	// Lived says that it listened to the end, across whatever cuts, and must have heard every outcome of its tenant.
	Lived bool `json:"lived"`
	// After is the sequence behind which its listening began; 0 for all.
	After uint64 `json:"after,omitempty"`
}

// Read is the last reading of a call.
type Read struct {
	Call string `json:"call"`
	// Utterances in the order in which they are read.
	Utterances []Utterance `json:"utterances"`
}

// Utterance is an utterance as it is read.
type Utterance struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// Log is an event as it lies on the log, read once when all is over and in the order of each stream. [OfCall] makes
// one of a call's event; of others stream, subject, sequence and event id are enough.
type Log struct {
	Stream   string `json:"stream"`
	Subject  string `json:"subject,omitempty"`
	Sequence uint64 `json:"sequence"`
	// Time when it was stored, Unix µs.
	Time int64 `json:"time,omitempty"`
	// EventID is the event's own; empty where writers give none.
	EventID string `json:"eventId,omitempty"`
	// Event is the last word of the subject, e.g. requested, sent, piece, completed.
	Event  string `json:"event,omitempty"`
	Tenant string `json:"tenant,omitempty"`
	Call   string `json:"call,omitempty"`
	// Analyses are those that are requested, or the one that the event is about.
	Analyses []string `json:"analyses,omitempty"`
	// Key stands for the Idempotency-Key of a request; empty when it had none.
	Key string `json:"key,omitempty"`
	// Piece is level/index/try of what was sent, or closed by a piece.
	Piece string `json:"piece,omitempty"`
	// Sent are our ids of the requests that are about to go to the provider.
	Sent []string `json:"sent,omitempty"`
	// Failed says that a piece was closed with an error.
	Failed bool `json:"failed,omitempty"`
	// Maybe is how many requests an outcome shows as maybe paid.
	Maybe int64 `json:"maybe,omitempty"`
}

// Provider is a request as the provider saw it.
type Provider struct {
	// RequestID is our id of the request.
	RequestID string `json:"requestId"`
	// Endpoint is what was asked; lists of models are not counted.
	Endpoint string `json:"endpoint,omitempty"`
	// Time when it came, Unix µs.
	Time int64 `json:"time,omitempty"`
	// Answered is set when the work was done, and would be paid.
	Answered bool `json:"answered,omitempty"`
}
