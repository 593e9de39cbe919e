package analysis

import "time"

// said is what a provider says of one of its limits beside an answer.
type said struct {
	limit, left int64 // a limit of 0, or less left than 0: it says nothing
	fullIn      time.Duration
}

// strangers is what somebody else uses of a limit, as far as it can be told from what the provider says is left. The newest words
// count most, each older one a tenth less.
type strangers struct{ used, minutes float64 }

const (
	forgetting = 0.9
	// mostStrangers is the part of what flows in that is never taken to be more than others use. A provider that gives back
	// all at the end of a minute looks as if others used everything until then.
	mostStrangers = 0.75
)

// perMinute is how much others use of what flows in within a minute.
func (s strangers) perMinute(flow float64) float64 {
	if s.minutes == 0 {
		return 0
	}
	return min(max(0, s.used/s.minutes), flow*mostStrangers)
}

// listen makes the bucket what the provider says it is, less what it does not know of yet and the part that is never used. It
// is filled by what others leave: what is missing, beside what was known of, they have used. A limit that takes longer than a
// minute to fill is not counted by the minute, whatever its name: some count requests by the day.
func (b *bucket) listen(s said, unknown float64, now time.Time) {
	if s.limit <= 0 || s.left < 0 {
		return
	}
	b.refill(now)
	was := *b
	*b = newBucket(s.limit, now)
	if used := s.limit - s.left; s.fullIn > time.Minute && used > 0 {
		b.fill = time.Duration(float64(s.fullIn) * float64(s.limit) / float64(used))
	}
	unused := b.flow() * (1 - usedPart) / usedPart
	b.has = min(b.limit, float64(s.left)-unused-unknown)
	b.heard, b.strange = now, was.strange
	if was.limit != b.limit || was.full() {
		return // there is nothing to compare with: a full bucket hides what others use
	}
	minutes := now.Sub(was.heard).Minutes()
	missing := was.has + was.strange.perMinute(was.flow())*minutes - b.has
	b.strange = strangers{was.strange.used*forgetting + missing, was.strange.minutes*forgetting + minutes}
}
