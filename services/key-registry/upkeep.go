package keys

import (
	"context"
	"sync"
	"time"
)

const (
	// upkeepEvery is how often a replica looks whether there is something to do that nobody asked for.
	upkeepEvery = time.Minute
	// upkeepWait is how often a start looks whether the view has caught up.
	upkeepWait = 20 * time.Millisecond
)

// upkeep is what a replica does by itself, once its view has caught up and then every minute. Every replica does it:
// what one of them is enough for, compare-and-set or a lease leaves to one.
type upkeep struct {
	ready  func(context.Context) error
	duties []func(context.Context)

	cancel  context.CancelFunc
	running sync.WaitGroup
}

func (s *Service) newUpkeep() *upkeep {
	return &upkeep{ready: s.follower.Ready, duties: []func(context.Context){
		s.resealAll, s.auditAll, s.alertAll(map[string]bool{}), s.checks().round, s.recheckAll,
	}}
}

// start runs each duty in a goroutine of its own, so that none waits for another.
func (u *upkeep) start(ctx context.Context) {
	ctx, u.cancel = context.WithCancel(context.WithoutCancel(ctx)) // it outlives the start
	for _, duty := range u.duties {
		u.running.Go(func() { u.run(ctx, duty) })
	}
}

func (u *upkeep) run(ctx context.Context, duty func(context.Context)) {
	tick := time.NewTicker(upkeepWait)
	defer tick.Stop()
	for u.ready(ctx) != nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
	tick.Reset(upkeepEvery)
	for {
		duty(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// stop ends them and waits until they have. It is safe without start and twice.
func (u *upkeep) stop() {
	if u.cancel == nil {
		return
	}
	u.cancel()
	u.running.Wait()
}
