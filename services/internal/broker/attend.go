package broker

import (
	"context"
	"fmt"
)

// attend begins what an embedded log needs besides its server: an eye on the disk, and on the port.
func (b *Broker) attend(ctx context.Context, cfg Config) (err error) {
	ctx, b.unwatch = context.WithCancel(ctx)
	b.space = &space{
		log: cfg.Logger, minFree: cfg.MinFree, wake: b.server.log.woken, stuck: b.server.stuck,
		restart: func(ctx context.Context) error { return b.restart(ctx, b.server.stuck) },
		measure: func() (disk, error) { return measure(b.server.dir) },
		ballast: func(size uint64) error { return setBallast(b.server.dir, size) },
		now:     situation{ballast: hasBallast(b.server.dir)},
	}
	b.watching.Go(func() { b.space.watch(ctx) })
	if b.server.port == nil {
		return nil
	}
	b.watching.Go(func() { b.server.port.watch(ctx) })
	b.relay, err = startRelay(b.server, cfg.Logger, b.Room)
	return err
}

// restart restarts the server if that is still called for when its turn comes: a restart that is under way looks like a
// stuck server, and may be what heals it.
func (b *Broker) restart(ctx context.Context, called func() bool) error {
	if err := b.server.restart(ctx, called); err != nil {
		return err
	}
	return b.awaitReady(ctx)
}

// leave ends what attend began.
func (b *Broker) leave(ctx context.Context) error {
	if b.unwatch == nil {
		return nil
	}
	b.unwatch()
	if b.relay != nil {
		b.relay.stop()
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.watching.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("broker: the disk is still being looked after: %w", context.Cause(ctx))
	}
}

// Room is nil while the log may take in what publishers bring, else STORAGE_FULL, with the time to wait. It is for what can
// wait and grows without end, and asks for a fresh look at the disk where the last is older than 50 ms. Full is a disk that
// has less than [Config.MinFree] left, until it has a quarter more than that again, and an embedded server that met a disk
// without room and is restarted as soon as there is some. An external system looks after itself: nil.
func (b *Broker) Room() error {
	if b.space == nil {
		return nil
	}
	return b.space.room()
}
