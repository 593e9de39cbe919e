package ingest

import (
	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

// maxCounted is how many duplicates of one call are counted one by one. Each count is a write: without a bound a
// publisher that repeats itself for ever would fill the disk.
const maxCounted = 20_000

// admission decides which words are new to a call. Several appends may go through one admission, as if one came after
// the other.
type admission struct {
	tx     *view.Tx
	ref    ref
	counts counts

	newest string                      // no utterance has an id beyond it, as far as the words below and the view go
	known  []*eventv1.Entry            // on the log, and not in the view yet
	more   []*eventv1.Entry            // what is new, in its order
	said   map[string][]*eventv1.Entry // both, by utterance, in their order; made when it is needed
	tally  eventv1.Tally
}

func newAdmission(tx *view.Tx, r ref) (*admission, error) {
	c, err := readCounts(tx, r)
	return admissionTo(tx, r, c), err
}

// admissionTo is newAdmission where the counts have been read already.
func admissionTo(tx *view.Tx, r ref, c counts) *admission {
	return &admission{tx: tx, ref: r, counts: c, newest: c.Furthest}
}

// know takes an append that is on the log and not in the view yet.
func (a *admission) know(words []*eventv1.Entry, out *transcriptv1.AppendUtterancesResponse) {
	a.counts.LiveTally = a.counts.LiveTally.plus(tally{out.GetDuplicates(), out.GetConflicting()})
	for _, e := range words {
		if out.GetDuplicates() > 0 { // else all of it was new
			if version, known := a.version(e.GetUtteranceId()); known && e.GetVersion() <= version {
				continue
			}
		}
		a.known = a.remember(a.known, e)
	}
}

// remember adds an entry to a list of those that later words may repeat.
func (a *admission) remember(list []*eventv1.Entry, e *eventv1.Entry) []*eventv1.Entry {
	a.newest = further(a.newest, e.GetUtteranceId())
	if a.said != nil {
		a.said[e.GetUtteranceId()] = append(a.said[e.GetUtteranceId()], e)
	}
	return append(list, e)
}

// index has every entry that is remembered in said.
func (a *admission) index() map[string][]*eventv1.Entry {
	if a.said == nil {
		a.said = make(map[string][]*eventv1.Entry, len(a.known)+len(a.more))
		for _, list := range [...][]*eventv1.Entry{a.known, a.more} {
			for _, e := range list {
				a.said[e.GetUtteranceId()] = append(a.said[e.GetUtteranceId()], e)
			}
		}
	}
	return a.said
}

// nothing tells whether there is nothing to write.
func (a *admission) nothing() bool { return len(a.more) == 0 && a.counted() == nil }

// add takes the words of one append, all or none, and counts what becomes of them: an utterance is known by its id; a
// higher version than any seen is a correction, everything else of a known id a duplicate, and a conflicting one when it
// says something else than what is stored under the same version. CALL_TOO_LARGE when the call would have more than
// 20,000 entries.
func (a *admission) add(words []*eventv1.Entry) (*transcriptv1.AppendUtterancesResponse, error) {
	out := &transcriptv1.AppendUtterancesResponse{}
	before := len(a.more)
	for _, e := range words {
		version, known := a.version(e.GetUtteranceId())
		switch {
		case !known:
			out.Accepted++
		case e.GetVersion() > version:
			out.Corrected++
		default:
			out.Duplicates++
			if a.conflicts(e) {
				out.Conflicting++
			}
			continue
		}
		a.more = a.remember(a.more, e)
	}
	if len(a.more) > before && a.revision() > maxEntries {
		a.forget(before)
		return nil, tooLarge("CALL_TOO_LARGE", "utterances", maxEntries)
	}
	a.tally.Duplicates += out.GetDuplicates()
	a.tally.Conflicting += out.GetConflicting()
	out.Revision = a.revision()
	return out, nil
}

// revision is the number of entries with those that are new.
func (a *admission) revision() uint32 { return a.counts.revision() + uint32(len(a.known)+len(a.more)) }

// forget takes back what an append that does not fit has left.
func (a *admission) forget(before int) {
	clear(a.more[before:])
	a.more, a.said = a.more[:before], nil
}

// version is the highest that the call has of an utterance. Where ids grow, as those of most publishers do, nothing
// has to be looked up to see that one is new.
func (a *admission) version(utterance string) (uint32, bool) {
	if beyond(utterance, a.newest) {
		return 0, false
	}
	if said := a.index()[utterance]; len(said) > 0 {
		return said[len(said)-1].GetVersion(), true
	}
	return highest(a.tx, a.ref, a.counts, utterance)
}

// conflicts tells whether an entry says something else than the one that is there under its id and version. When it
// came is nobody's word; a version that never came conflicts with nothing.
func (a *admission) conflicts(e *eventv1.Entry) bool {
	there := storedEntry(a.tx, a.ref, e)
	for _, said := range a.index()[e.GetUtteranceId()] {
		if said.GetVersion() == e.GetVersion() {
			there = said
		}
	}
	if there == nil {
		return false
	}
	other := proto.CloneOf(there)
	other.ReceivedAt = e.GetReceivedAt()
	return !proto.Equal(other, e)
}

// counted is the tally that is written down; nil when nothing was repeated, or too much already.
func (a *admission) counted() *eventv1.Tally {
	if a.tally.GetDuplicates() == 0 || a.counts.duplicates() >= maxCounted {
		return nil
	}
	return &eventv1.Tally{Duplicates: a.tally.GetDuplicates(), Conflicting: a.tally.GetConflicting()}
}
