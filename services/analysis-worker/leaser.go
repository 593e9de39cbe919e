package analysis

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/ids"
)

// leaser keeps a replica's leases on the log.
type leaser struct {
	log    *stream.Log
	logger *slog.Logger
	change func() // called when lanes were won or lost

	mu    sync.Mutex
	state leases
}

func newLeaser(log *stream.Log, logger *slog.Logger, me string, change func()) *leaser {
	state := leases{me: me, mine: map[string]held{}, others: map[string]string{}}
	return &leaser{log: log, logger: logger, change: change, state: state}
}

// owns tells whether this replica may send for a lane now.
func (l *leaser) owns(lane string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.owns(lane, time.Now())
}

// since is when this replica took a lane over that it owns now.
func (l *leaser) since(lane string) (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.state.mine[shardName(shardOf(lane))]
	return h.won, l.state.owns(lane, time.Now())
}

// run keeps the leases until the context is done, then hands them back so that others need not wait for their end.
func (l *leaser) run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		l.turn(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			l.handBack(context.WithoutCancel(ctx))
			return
		}
	}
}

func (l *leaser) turn(ctx context.Context) {
	others, err := l.look(ctx)
	if err != nil {
		if ctx.Err() == nil {
			l.logger.WarnContext(ctx, "leases cannot be seen", "error", err)
		}
		others = nil
	}
	l.mu.Lock()
	lost := others != nil && l.state.look(time.Now(), others)
	p := l.state.plan(time.Now())
	l.mu.Unlock()
	if lost {
		l.logger.WarnContext(ctx, "leases were lost")
	}
	if err != nil {
		p.acquire = nil // renewing needs no look, taking up does
	}
	changed := lost || len(p.forget) > 0
	for _, name := range p.forget {
		l.drop(name)
	}
	for _, name := range p.release {
		l.release(ctx, name)
		changed = true
	}
	for _, name := range append(p.renew, p.acquire...) {
		changed = l.hold(ctx, name) || changed
	}
	if changed {
		l.change()
	}
}

// look reads who holds what.
func (l *leaser) look(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	all := stream.NewGuard(subject.Leases, subject.All(subject.NounLease))
	err := l.log.Between(ctx, all, 0, math.MaxUint64, func(m stream.Message) error {
		if name, ok := subject.LeaseName(m.Subject); ok {
			out[name] = string(m.Data)
		}
		return nil
	})
	return out, err
}

// hold renews or takes up a lease by compare-and-set; it tells whether a lease was won or lost.
func (l *leaser) hold(ctx context.Context, name string) (changed bool) {
	l.mu.Lock()
	was, had := l.state.mine[name]
	l.mu.Unlock()
	at := subject.Lease(name)
	sent := time.Now()
	seq, err := l.log.Append(ctx, stream.NewGuard(subject.Leases, at), was.sequence, stream.Event{
		ID: ids.New("lease"), Subject: at, Data: []byte(l.state.me), TTL: leaseTime,
	})
	var conflict *stream.Conflict
	switch {
	case err == nil:
		l.mu.Lock()
		if was.won.IsZero() {
			was.won = sent
		}
		l.state.mine[name] = held{sequence: seq, sent: sent, won: was.won}
		l.mu.Unlock()
		return !had
	case errors.As(err, &conflict) && !conflict.InFlight && had:
		l.logger.WarnContext(ctx, "a lease was lost", "lease", name)
		l.drop(name)
		return true
	default:
		return false // not renewed: it ends by itself when it is no longer to be believed in
	}
}

func (l *leaser) drop(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.state.mine, name)
}

// release hands a lease back. What is removed is only our own message: a successor's has a higher sequence.
func (l *leaser) release(ctx context.Context, name string) {
	l.mu.Lock()
	h := l.state.mine[name]
	delete(l.state.mine, name)
	l.mu.Unlock()
	if err := l.log.Purge(ctx, subject.Leases, subject.Lease(name), h.sequence+1); err != nil {
		l.logger.WarnContext(ctx, "a lease was not handed back and ends by itself", "lease", name, "error", err)
	}
}

func (l *leaser) handBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	l.mu.Lock()
	names := sorted(l.state.mine)
	l.mu.Unlock()
	for _, name := range names {
		l.release(ctx, name)
	}
}
