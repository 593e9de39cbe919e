package subject

import "fmt"

// CallScope stands in a call's subject where its own events have no analysis id.
const CallScope = "_"

// Kinds of events in a call's history, the last token of their subject.
const (
	KindOpened    = "opened"
	KindChanged   = "changed"
	KindEnded     = "ended"
	KindErased    = "erased"
	KindRequested = "requested"
	KindStarted   = "started"
	KindSent      = "sent"
	KindPiece     = "piece"
	KindCompleted = "completed"
	KindFailed    = "failed"
	KindCancelled = "cancelled"
	KindDeleted   = "deleted"
)

// CallGuard guards everything that happens to a call, its analyses included: one running analysis at a time, one
// terminal event each, nothing after an erase.
func CallGuard(tenant, call string) string { return join(NounCall, Token(tenant), Token(call), ">") }

// Call is where an event of the call itself lies.
func Call(tenant, call, kind string) string {
	return join(NounCall, Token(tenant), Token(call), CallScope, kind)
}

// Analysis is where an event of one of a call's analyses lies.
func Analysis(tenant, call, analysis, kind string) string {
	return join(NounCall, Token(tenant), Token(call), Token(analysis), kind)
}

// LiveWords is where the words of a call in progress lie; it is its own guard.
func LiveWords(tenant, call string) string { return join(NounLive, Token(tenant), Token(call)) }

// TranscriptGuard guards all parts of a call's transcript.
func TranscriptGuard(tenant, call string) string {
	return join(NounTranscript, Token(tenant), Token(call), ">")
}

// Part is where part number (from 1) of a call's transcript lies.
func Part(tenant, call string, number uint32) string {
	return join(NounTranscript, Token(tenant), Token(call), fmt.Sprintf("%06d", number))
}

// PartsErased is where the tombstone of a call's transcript lies.
func PartsErased(tenant, call string) string {
	return join(NounTranscript, Token(tenant), Token(call), "_")
}

// CallsOfKind is the filter for one kind of event over all calls and tenants.
func CallsOfKind(kind string) string { return join(NounCall, "*", "*", "*", kind) }
