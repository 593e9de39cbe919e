package erasure

import (
	"context"
	"errors"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/proto/subject"
)

// Tombstones are the guards under which it would be said why a message is missing; for the followers of the log.
func Tombstones(_, at string) (guards []stream.Guard) {
	for _, t := range subject.Tombstones(at) {
		guards = append(guards, stream.NewGuard(t.Stream, t.Subject))
	}
	return guards
}

// Remains is a part of what is left of a call.
type Remains struct {
	// Stream it lies in, and the Filter of its subjects.
	Stream, Filter string
	// Keep says what of it stays, tombstones for example; nil: nothing.
	Keep func(stream.Message) bool
	// Purge are the subjects that are purged where bytes need not be overwritten: together they are all that Keep lets
	// go.
	Purge []string
}

// Remove removes what is left of a call below a sequence. Of a call that has only grown too old it purges; else it
// overwrites every message.
func Remove(ctx context.Context, log *stream.Log, r Remains, below uint64, aged bool) error {
	if below == 0 {
		return nil
	}
	if !aged {
		_, err := log.Erase(ctx, r.Stream, r.Filter, below, r.Keep)
		return err
	}
	for _, at := range r.Purge {
		m, ok, err := log.After(ctx, stream.NewGuard(r.Stream, at), 0)
		if err != nil {
			return err
		}
		if !ok || m.Sequence >= below {
			continue
		}
		if err := log.Purge(ctx, r.Stream, at, below); err != nil {
			return err
		}
	}
	return nil
}

// RemoveDead removes what was given up on of a call, whatever its origin: the messages themselves are in it. A log
// without dead letters has none.
func RemoveDead(ctx context.Context, log *stream.Log, tenant, call string) error {
	_, err := log.Erase(ctx, subject.Dead, subject.DeadLettersOf(tenant, call), 0, nil)
	if errors.Is(err, stream.ErrNoStream) {
		return nil
	}
	return err
}
