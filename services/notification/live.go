package notify

import (
	"context"
	"errors"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/proto/subject"
)

const (
	// ringSize is how many outcomes a stream may fall behind before it is cut.
	ringSize = 4096
	// replayed is how many outcomes are read from the view at once, told how many are written to a stream at once.
	replayed = 200
	told     = 64
)

// errOver says that a stream has ended as streams do: the client left, or the replica stops.
var errOver = errors.New("notify: the stream is over")

// live tells a screen everything that becomes of a tenant's calls behind a place, "" for from now on, until the
// client leaves (errOver), loses its authorisation, is too slow, or the replica stops (errOver).
func (s *Service) live(ctx context.Context, tenant, after string, to screen) error {
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	defer s.meters.enter(tenant)()
	from, fresh, err := s.start(ctx, tenant, after)
	if err != nil {
		return err
	}
	if err := to.opened(from); err != nil {
		return err
	}
	if fresh {
		if err := to.reset(from); err != nil {
			return err
		}
	}
	at, err := s.replay(ctx, tenant, from.sequence, to)
	if err != nil {
		return err
	}
	return s.along(ctx, at, to)
}

// start finds where a stream begins. fresh is set when the client's place cannot be resumed from: it is none, of
// another incarnation, beyond the end of the history, or what it missed goes back further than 7 days.
func (s *Service) start(ctx context.Context, tenant, after string) (from place, fresh bool, err error) {
	p, ok := parsePlace(after)
	ok = ok && p.incarnation == s.incarnation()
	if ok {
		if ok, err = s.reached(ctx, p.sequence); err != nil {
			return place{}, false, err
		}
	}
	err = s.read(func(r reader) error {
		if ok {
			old, err := r.tooOld(tenant, p.sequence, time.Now().Add(-resumable))
			if err != nil {
				return err
			}
			ok = !old
		}
		end, err := r.end()
		from = place{r.incarnation, end}
		return err
	})
	if ok {
		return p, false, err
	}
	return from, after != "", err
}

// reached waits, at most 2 s, until the view has come to a sequence that another replica may have told of. false means
// that the history itself ends before it.
func (s *Service) reached(ctx context.Context, sequence uint64) (bool, error) {
	var end uint64
	err := s.read(func(r reader) (err error) { end, err = r.end(); return err })
	if err != nil || sequence <= end {
		return err == nil, err
	}
	info, err := s.history.Info(ctx, subject.Calls)
	if err != nil || sequence > info.Last {
		return false, err
	}
	return true, s.follower.Newest(ctx, stream.NewGuard(subject.Calls, ">"))
}

// replay tells what the view has behind a sequence, and returns where in the ring the stream goes on. What is applied
// meanwhile comes along in the ring.
func (s *Service) replay(ctx context.Context, tenant string, after uint64, to screen) (at cursor, err error) {
	for {
		var list []*outcome
		err := s.read(func(r reader) (err error) {
			if list, err = r.after(tenant, after, replayed); err != nil {
				return err
			}
			if len(list) == replayed {
				after = list[len(list)-1].sequence
				return nil
			}
			end, err := r.end()
			after = max(after, end)
			return err
		})
		if err != nil {
			return at, err
		}
		if err := s.proceed(ctx, to, list); err != nil {
			return at, err
		}
		if len(list) == replayed {
			continue
		}
		if at, ok := s.ring.enter(tenant, after); ok {
			return at, nil
		}
	}
}

// along follows the ring.
func (s *Service) along(ctx context.Context, at cursor, to screen) error {
	tick := time.NewTicker(s.pace.check)
	defer tick.Stop()
	life := life{pace: s.pace, to: to, allowed: time.Now()}
	for {
		list, moved, ok := s.ring.read(&at, told)
		if !ok {
			return tooSlow()
		}
		if len(list) > 0 {
			life.silent = 0
			if err := s.proceed(ctx, to, list); err != nil {
				return err
			}
			moved = s.always // there may be more: look again, but let a check that is due come in between
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return errOver
		case <-s.stopping:
			return errOver
		case now := <-tick.C:
			if err := life.tick(ctx, now); err != nil {
				return err
			}
		}
	}
}

// proceed writes to a screen unless its stream is over.
func (s *Service) proceed(ctx context.Context, to screen, list []*outcome) error {
	select {
	case <-ctx.Done():
		return errOver
	case <-s.stopping:
		return errOver
	default:
	}
	if len(list) == 0 {
		return nil
	}
	return to.tell(list)
}

// tooSlow ends a stream whose client does not keep up. It loses nothing: it comes again with the last id it had.
func tooSlow() error {
	return fault.New(fault.Unavailable, "UNAVAILABLE", fault.Param("reason", "too_slow"), fault.RetryIn(time.Second))
}
