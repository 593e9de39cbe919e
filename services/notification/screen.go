package notify

import (
	"context"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// pace is the timing of open streams.
type pace struct {
	// check is how often a stream has to show again that it is authorised.
	check time.Duration
	// beats is how many checks a stream may be silent before it shows that it is alive.
	beats int
	// write is how long a client may take for what is written to it at once before it is cut.
	write time.Duration
}

func usualPace() pace { return pace{check: 5 * time.Second, beats: 3, write: 10 * time.Second} }

// screen is where a stream leaves the process. An error of any of its methods ends the stream.
type screen interface {
	// opened is called once, when everything that happens from here on will be told.
	opened(from place) error
	// reset says that the client's place is of no use and that the stream goes on from another.
	reset(to place) error
	// tell writes outcomes, in order.
	tell(list []*outcome) error
	// beat shows that the stream is alive.
	beat() error
	// check asks again whether the stream is authorised.
	check(ctx context.Context) error
}

// life keeps a stream alive and honest while it waits.
type life struct {
	pace pace
	to   screen
	// allowed is when the stream was last known to be authorised, silent the number of ticks since it was told anything.
	allowed time.Time
	silent  int
}

// tick is what a stream does every few seconds: show that it is still authorised and, if it has long been silent, that
// it lives. Who is refused is cut at once. Where nobody can say, the last answer holds as long as any statement of who
// is calling, 60 s: a restart of access must not cut every stream there is.
func (l *life) tick(ctx context.Context, now time.Time) error {
	err := l.to.check(ctx)
	kind := fault.KindOf(err)
	switch {
	case err == nil:
		l.allowed = now
	case kind == fault.Unauthenticated || kind == fault.Forbidden || now.Sub(l.allowed) >= identity.Lifetime:
		return err
	}
	if l.silent++; l.silent%l.pace.beats == 0 {
		return l.to.beat()
	}
	return nil
}
