package stream

import "strings"

// Guard is the filter within a stream whose last sequence a compare-and-set names. All writers under one invariant
// must use an equal guard: a replicated stream's leader notices a write in flight only between guards that are equal
// letter by letter.
type Guard struct {
	stream, filter string
}

// NewGuard makes a guard of a stream's name and a subject filter in it, with the wildcards of NATS: orders.o-1.> or, for
// one subject, that itself. Make each guard in one place, so that all who write under it have it letter by letter.
func NewGuard(stream, filter string) Guard { return Guard{stream: stream, filter: filter} }

// Stream is the name of the stream that the guard is in.
func (g Guard) Stream() string { return g.stream }

// String names the guard for people.
func (g Guard) String() string { return g.stream + "/" + g.filter }

// covers tells whether a subject is under the guard: * stands for one token, > for the rest.
func (g Guard) covers(subject string) bool {
	filter := strings.Split(g.filter, ".")
	tokens := strings.Split(subject, ".")
	for i, want := range filter {
		switch {
		case i == len(tokens):
			return false
		case want == ">":
			return true
		case want != "*" && want != tokens[i]:
			return false
		}
	}
	return len(filter) == len(tokens)
}
