package stream

import (
	"context"
	"hash/maphash"
)

// turnCount is how many guards can be written under at once, at the least; others may have to wait for no reason.
const turnCount = 256

// turns makes the writers of one process under one guard wait for each other. Without it they would lose round after
// round to their own neighbours, and a busy call would run out of rounds.
type turns struct {
	seed maphash.Seed
	free []chan struct{} // of capacity 1, empty while taken
}

func newTurns() turns {
	t := turns{seed: maphash.MakeSeed(), free: make([]chan struct{}, turnCount)}
	for i := range t.free {
		t.free[i] = make(chan struct{}, 1)
		t.free[i] <- struct{}{}
	}
	return t
}

// take waits for a guard's turn; done ends it.
func (t turns) take(ctx context.Context, g Guard) (done func(), err error) {
	mine := t.free[maphash.Comparable(t.seed, g)%turnCount]
	select {
	case <-mine:
		return func() { mine <- struct{}{} }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
