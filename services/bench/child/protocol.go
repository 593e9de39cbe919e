package child

// What a child can be. Each is given the directory that it works in.
const (
	// Append writes events to a stream of an embedded log, synced, each by compare-and-set.
	Append = "append"
	// Ingest is transcript-ingest with such a log of its own; an append is an utterance that is brought in alone.
	Ingest = "ingest"
	// Write writes as many bytes to a plain file and syncs it.
	Write = "write"
	// Serve runs an embedded server over the directory's log, and nothing else.
	Serve = "serve"
	// Static answers every request with the page in its directory; its first line says where.
	Static = "static"
	// Request asks by HTTP, as an order's Ask says.
	Request = "request"
)

// EventSize is how large the data of an event is, and a plain write, in bytes.
const EventSize = 300

// Order is what a child is told to do.
type Order struct {
	// Each is how many appends, or writes, an operation is: one after another, under one guard.
	Each int `json:"each"`
	// Rate is how many operations are begun a second, whether or not the last has ended; 0: as soon as it has.
	Rate float64 `json:"rate"`
	// Seconds is for how long operations are begun.
	Seconds float64 `json:"seconds"`
	// Ask is for a child that asks by HTTP; Each is then how many connections do so at once, and Rate means nothing.
	Ask *Ask `json:"ask,omitempty"`
}

// Answer is what became of an order, or, as the first line, of the start.
type Answer struct {
	// Operations is how many there were.
	Operations int `json:"operations"`
	// Median is how long one took, in seconds: with a rate from the moment for which it was planned, so that one that had
	// to wait for another is charged for it.
	Median float64 `json:"median"`
	// URL is where a child that serves is to be found; only in the first line.
	URL string `json:"url,omitempty"`
	// Error is why there is nothing of this; empty when there is.
	Error string `json:"error,omitempty"`
}
