package history

import (
	"maps"
	"math"
	"slices"
)

// spoken is what is known of one utterance: of all tries to say it.
type spoken struct {
	line   int             // of its first try
	client string          // who said it first
	shared bool            // and somebody else too: whose order it keeps is open
	texts  map[string]bool // text -> acknowledged so
	first  Offset          // its first try began
	acked  Offset          // its first acknowledgement came; none when never
}

const never = Offset(math.MaxInt64)

// words holds what was said against the last reading of each call.
func (j *judge) words() {
	said := j.said()
	readings := map[string]*Read{}
	for _, r := range j.h {
		if r.Read != nil {
			readings[r.Read.Call] = r.Read // a later reading replaces an earlier
		}
	}
	for _, call := range slices.Sorted(maps.Keys(said)) {
		if readings[call] == nil {
			readings[call] = &Read{Call: call} // nothing of it was read: what was acknowledged is lost
		}
	}
	for _, call := range slices.Sorted(maps.Keys(readings)) {
		j.reading(said[call], readings[call])
		j.order(said[call], readings[call])
	}
}

// said gathers the tries by call and utterance.
func (j *judge) said() map[string]map[string]*spoken {
	said := map[string]map[string]*spoken{}
	for n, r := range j.h {
		if r.Say == nil {
			continue
		}
		if said[r.Say.Call] == nil {
			said[r.Say.Call] = map[string]*spoken{}
		}
		s := said[r.Say.Call][r.Say.UtteranceID]
		if s == nil {
			s = &spoken{line: n, client: r.Say.Client, texts: map[string]bool{}, first: r.Say.Started, acked: never}
			said[r.Say.Call][r.Say.UtteranceID] = s
		}
		s.shared = s.shared || s.client != r.Say.Client
		s.first = min(s.first, r.Say.Started)
		s.texts[r.Say.Text] = s.texts[r.Say.Text] || r.Say.acknowledged()
		if r.Say.acknowledged() {
			s.acked = min(s.acked, r.Say.Ended)
		}
	}
	return said
}

// reading compares the set of what is read with the set of what was said.
func (j *judge) reading(said map[string]*spoken, read *Read) {
	times := map[string]int{}
	for _, u := range read.Utterances {
		s := said[u.ID]
		switch times[u.ID]++; {
		case times[u.ID] == 2:
			j.wrongf(UtteranceTwice, j.lineOf(s), "call %s, utterance %s %q", read.Call, u.ID, u.Text)
		case times[u.ID] > 2:
		case s == nil:
			j.wrongf(NobodySaid, -1, "call %s, utterance %s %q", read.Call, u.ID, u.Text)
		case s.acked != never && !s.texts[u.Text]:
			j.wrongf(UtteranceChanged, s.line, "call %s, utterance %s reads %q", read.Call, u.ID, u.Text)
		default:
			if _, tried := s.texts[u.Text]; !tried {
				j.wrongf(NobodySaid, s.line, "call %s, utterance %s %q, but with another text", read.Call, u.ID, u.Text)
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(said)) {
		if s := said[id]; s.acked != never && times[id] == 0 {
			j.wrongf(UtteranceLost, s.line, "call %s, utterance %s of %s, acknowledged at %s", read.Call, id, s.client, s.acked)
		}
	}
}

func (*judge) lineOf(s *spoken) int {
	if s == nil {
		return -1
	}
	return s.line
}

// order looks for an utterance that is read before one of the same client that was acknowledged before it was first
// sent. Where tries overlapped, or the first got no answer, either order is right.
func (j *judge) order(said map[string]*spoken, read *Read) {
	type mark struct {
		id    string
		acked Offset
	}
	earliest := map[string]mark{} // client -> what was acknowledged first of what is read further down
	for _, u := range slices.Backward(read.Utterances) {
		id := u.ID
		s := said[id]
		if s == nil || s.shared {
			continue
		}
		later, found := earliest[s.client]
		if found && later.acked <= s.first && later.id != id {
			j.wrongf(UtteranceMoved, s.line, "call %s: utterance %s of %s was sent at %s and is read before %s, acknowledged at %s",
				read.Call, id, s.client, s.first, later.id, later.acked)
		}
		if !found || s.acked < later.acked {
			earliest[s.client] = mark{id, s.acked}
		}
	}
}
