package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// wipeBytes is more than the server puts into one file of a stream (8 MiB): after so much more, what was the newest
	// file is not the newest any more.
	wipeBytes = 9 << 20
	// wipePiece is how large a filler is, unless the server takes less.
	wipePiece = 512 << 10
)

// Wipe has the server write anew the files of a stream that hold what was purged or deleted before: neither overwrites
// anything, and the newest file is never cleaned up, however long it stays the newest. Fillers of 9 MiB together, under a
// subject of the stream that means nothing else, make another file the newest; deleting them, which leaves the old file
// mostly empty, has the server compact it at once. Followers see the fillers and pass them over; the last one, which is empty, stays, so that whoever
// remembers the others finds a newer one in their place.
//
// A file of which more than half is still wanted is left as it is, until the server finds it half empty, which it looks
// for every 2 minutes. To be sure that a message's bytes are gone at once, it has to be erased instead of purged. The error
// is that of a stream that is full or not there, or Unavailable; wiping again does no harm.
func (l *Log) Wipe(ctx context.Context, stream, subject string) error {
	s, err := l.handle(ctx, stream)
	if err != nil {
		return err
	}
	size := wipePiece
	if most := int(l.nc.MaxPayload()) / 2; most > 0 {
		size = min(size, most)
	}
	var fillers []uint64
	for left := wipeBytes; left+size > 0; left -= size {
		ack, err := l.js.PublishMsg(ctx, &nats.Msg{Subject: subject, Data: make([]byte, max(0, min(size, left)))},
			jetstream.WithExpectStream(stream))
		if err != nil {
			return unavailable("stream.wipe", err)
		}
		fillers = append(fillers, ack.Sequence)
	}
	last := fillers[len(fillers)-1]
	for _, seq := range fillers[:len(fillers)-1] {
		err := s.DeleteMsg(ctx, seq)
		if err != nil && !errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) && !errors.Is(err, jetstream.ErrMsgNotFound) {
			return unavailable("stream.wipe", fmt.Errorf("filler %d: %w", seq, err))
		}
	}
	return l.Purge(ctx, stream, subject, last) // what a wipe left that was cut short
}
