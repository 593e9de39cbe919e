package notify

import "slices"

const (
	// maxOpenFailures is how many unacknowledged failures are kept for an account; older ones fall off.
	maxOpenFailures = 200
	// maxUnseen is how many unseen outcomes that are no failures are shown to an account; older ones fall off. An
	// account that never looks, such as one that runs analyses by program, would otherwise get an answer without bound.
	maxUnseen = 1000
)

// own is an outcome that an account itself asked for.
type own struct {
	sequence uint64
	failed   bool
}

// seen is how far an account has read. Completions and cancellations are seen by position, all at or below upTo;
// failures one by one, since each wants something done. All lists ascend.
type seen struct {
	upTo uint64
	// open are the failures at or below upTo that nobody has acknowledged.
	open []uint64
	// acked are the outcomes above upTo that were acknowledged one by one.
	acked []uint64
}

// mark moves the position forward, never back. above are the account's own outcomes above the position, ascending.
// moved is false when there is nothing to write down: none of its own lies between.
func (s seen) mark(upTo uint64, above []own) (next seen, moved bool) {
	if len(above) == 0 || above[0].sequence > upTo {
		return s, false
	}
	return s.advance(upTo, above), true
}

// acknowledge marks one outcome as seen, whatever it is and wherever it lies. moved is false when it was already.
func (s seen) acknowledge(o own, above []own) (next seen, moved bool) {
	if o.sequence <= s.upTo {
		at, found := slices.BinarySearch(s.open, o.sequence)
		if !found {
			return s, false
		}
		s.open = slices.Delete(slices.Clone(s.open), at, at+1)
		return s, true
	}
	at, found := slices.BinarySearch(s.acked, o.sequence)
	if found {
		return s, false
	}
	s.acked = slices.Insert(slices.Clone(s.acked), at, o.sequence)
	return s.settle(above), true
}

// settle moves the position over outcomes that were acknowledged without leaving one out, so that their list stays
// short. Beyond its bound the oldest of what is unseen below it, which is not shown any more, counts as seen.
func (s seen) settle(above []own) seen {
	upTo := s.upTo
	for _, o := range above {
		if !holds(s.acked, o.sequence) {
			break
		}
		upTo = o.sequence
	}
	if len(s.acked) > maxUnseen {
		upTo = max(upTo, s.acked[0])
	}
	return s.advance(upTo, above)
}

// advance sets the position: failures that it passes stay open unless they were acknowledged.
func (s seen) advance(upTo uint64, above []own) seen {
	next := seen{upTo: upTo, open: slices.Clone(s.open)}
	for _, o := range above {
		if o.sequence <= upTo && o.failed && !holds(s.acked, o.sequence) {
			next.open = append(next.open, o.sequence)
		}
	}
	next.open = newest(next.open, maxOpenFailures)
	for _, a := range s.acked {
		if a > upTo {
			next.acked = append(next.acked, a)
		}
	}
	return next
}

// unseen are the outcomes that the account has yet to see, ascending: of the failures at most the newest 200, of the
// others at most the newest 1000. above are its own outcomes above the position.
func (s seen) unseen(above []own) []uint64 {
	failures, others := slices.Clone(s.open), []uint64(nil)
	for _, o := range above {
		switch {
		case holds(s.acked, o.sequence):
		case o.failed:
			failures = append(failures, o.sequence)
		default:
			others = append(others, o.sequence)
		}
	}
	out := append(newest(failures, maxOpenFailures), newest(others, maxUnseen)...)
	slices.Sort(out)
	return out
}

func holds(list []uint64, sequence uint64) bool {
	_, found := slices.BinarySearch(list, sequence)
	return found
}

func newest(list []uint64, most int) []uint64 { return list[max(0, len(list)-most):] }
