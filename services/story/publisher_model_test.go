package story_test

import (
	"fmt"
	"maps"
	"slices"
)

// stored is an entry as it lies on the log, in the order of revisions.
type stored struct {
	said

	late bool
}

// counted is what a receipt says.
type counted struct {
	Revision, Accepted, Corrected, Duplicates, Conflicting, Late, Reordered uint32
	Missing                                                                 uint64
	Orders                                                                  *struct{ First, Last int64 }
	Gaps                                                                    []struct{ First, Last int64 }
}

// sums are what the publishers of a call have sent in all: in tries that were answered with success, and in others.
type sums struct {
	answered, open int // utterances
	otherAnswered  int // of them with other words
	otherOpen      int
	told           counted          // by the answers themselves
	redelivered    bool             // the inbox may have delivered more often than was sent
	endedBefore    map[entryID]bool // first sent when the end was acknowledged
}

// told are the utterances of a script that are to be stored, by what they are known by: every id at the versions that
// nothing higher came before.
func (s script) told() map[entryID]said {
	out := map[entryID]said{}
	highest := map[string]uint32{}
	for _, l := range s.legs {
		for _, letter := range l.letters {
			for _, u := range letter.said {
				if known, ok := highest[u.id]; u.other || ok && u.version < known {
					continue
				}
				out[u.entry()], highest[u.id] = u, u.version
			}
		}
	}
	return out
}

// corrections are how many entries of the script are such, and the utterances how many ids.
func corrections(told map[entryID]said) (utterances, corrections int) {
	ids := map[string]bool{}
	for e := range told {
		ids[e.id] = true
	}
	return len(ids), len(told) - len(ids)
}

// reads is a transcript as it reads after some entries: whoever comes first keeps the place among those of its number,
// what has no number stays behind what it came after, and a correction takes the place of what it corrects.
func reads(entries []stored) []said {
	type placed struct {
		said

		behind int64
	}
	var list []placed // in the order they came
	for _, e := range entries {
		at := slices.IndexFunc(list, func(p placed) bool { return p.id == e.id })
		if at < 0 {
			list = append(list, placed{said: e.said})
			continue
		}
		if e.order == 0 {
			e.order = list[at].order
		}
		list[at].said = e.said
	}
	var out []placed
	behind := int64(0)
	for _, p := range list {
		if p.order > 0 {
			behind = p.order
		}
		p.behind = behind
		at := len(out)
		for at > 0 && out[at-1].behind > p.behind {
			at--
		}
		out = slices.Insert(out, at, p)
	}
	said := make([]said, len(out))
	for i, p := range out {
		said[i] = p.said
	}
	return said
}

// wrong compares what lies on the log, what the receipt says and what reads at the end with what was sent.
func (s script) wrong(sent sums, log []stored, receipt counted, final []said) (out []string) {
	wrongf := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	told := s.told()
	left := maps.Clone(told)
	for _, e := range log {
		want, ok := left[e.entry()]
		switch {
		case !ok && told[e.entry()].id != "":
			wrongf("%v is stored twice", e.entry())
		case !ok:
			wrongf("%v is stored, and was never to be", e.entry())
		case want != e.said:
			wrongf("%v is stored as %+v, sent as %+v", e.entry(), e.said, want)
		case sent.endedBefore[e.entry()] && !e.late:
			wrongf("%v was sent after the end and is not late", e.entry())
		}
		delete(left, e.entry())
	}
	for e := range left {
		wrongf("%v is lost", e)
	}
	if want := reads(log); !slices.Equal(final, want) {
		wrongf("it reads %v, not %v", final, want)
	}
	if want, ok := s.numbered(told); ok && !slices.Equal(final, want) {
		wrongf("it reads %v, and was said %v", final, want)
	}
	utterances, corrected := corrections(told)
	want := recount(log)
	want.Accepted, want.Corrected = uint32(utterances), uint32(corrected)
	want.Revision = uint32(utterances + corrected)
	want.Duplicates, want.Conflicting = receipt.Duplicates, receipt.Conflicting
	if got, wanted := describe(receipt), describe(want); got != wanted {
		wrongf("the receipt says %s, and it was %s", got, wanted)
	}
	return append(out, sent.repeated(receipt, len(told))...)
}

// numbered is how a call reads in which every utterance has a number: that is known without the log.
func (s script) numbered(told map[entryID]said) (out []said, ok bool) {
	newest := map[string]said{}
	for _, e := range slices.SortedFunc(maps.Keys(told), func(a, b entryID) int { return int(a.version) - int(b.version) }) {
		u := told[e]
		if u.order == 0 {
			u.order = newest[u.id].order
		}
		newest[u.id] = u
	}
	for _, u := range newest {
		if u.order == 0 {
			return nil, false
		}
		out = append(out, u)
	}
	slices.SortFunc(out, func(a, b said) int { return int(a.order - b.order) })
	return out, true
}

// repeated compares what the receipt says of repetitions: all that was answered is in it, and of what had no answer any
// part may be.
func (s sums) repeated(receipt counted, stored int) (out []string) {
	within := func(what string, got uint32, least, open int, told uint32) {
		most := least + open
		if int(got) < least || int(got) > most && !s.redelivered || got < told {
			out = append(out, fmt.Sprintf("%s: %d, sent %d to %d, answers told of %d", what, got, least, most, told))
		}
	}
	within("duplicates", receipt.Duplicates, max(0, s.answered-stored), s.open, s.told.Duplicates)
	within("conflicting", receipt.Conflicting, s.otherAnswered, s.otherOpen, s.told.Conflicting)
	return out
}

// recount counts late words, those that came behind a higher number, and numbers that did not come.
func recount(log []stored) (out counted) {
	seen, highest := map[string]bool{}, int64(0)
	var orders []int64
	for _, e := range log {
		if e.late {
			out.Late++
		}
		if seen[e.id] {
			continue
		}
		if seen[e.id] = true; e.order == 0 {
			continue
		}
		if e.order < highest {
			out.Reordered++
		}
		highest = max(highest, e.order)
		orders = append(orders, e.order)
	}
	if len(orders) == 0 {
		return out
	}
	slices.Sort(orders)
	out.Orders = &struct{ First, Last int64 }{orders[0], highest}
	for o := orders[0]; o < highest; o++ {
		if _, came := slices.BinarySearch(orders, o); came {
			continue
		}
		out.Missing++
		if n := len(out.Gaps); n > 0 && out.Gaps[n-1].Last == o-1 {
			out.Gaps[n-1].Last = o
		} else {
			out.Gaps = append(out.Gaps, struct{ First, Last int64 }{o, o})
		}
	}
	return out
}

func describe(c counted) string {
	orders := "none"
	if c.Orders != nil {
		orders = fmt.Sprint(*c.Orders)
	}
	c.Orders = nil
	if len(c.Gaps) == 0 {
		c.Gaps = nil
	}
	return fmt.Sprintf("%+v orders %s", c, orders)
}
