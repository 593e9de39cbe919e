// Package stream is a log on NATS JetStream with one way to write: a compare-and-set under a [Guard].
//
// A guard is a subject filter within a stream. An [Event] is appended only if the guard's last sequence is still the
// one the writer decided upon, so that of any number of writers under one guard exactly one wins. A failed or missing
// acknowledgement is not a verdict: the write may have been stored. [Log.Commit] therefore looks for its own event id
// before it decides again, and says [ErrUnknown] rather than guess.
//
// Reads for decisions go to the stream's leader ([Log.Last]); everything else is followed in order ([Log.Tail]) into
// a view. The package knows nothing of what an event means.
package stream
