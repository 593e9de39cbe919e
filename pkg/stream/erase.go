package stream

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// eraseTime bounds the erasing of one message. The server writes the whole file anew that the message lies in, and does so
// beside everything else it has to write.
const eraseTime = time.Minute

// Erase removes the messages under a filter whose sequence is below upTo, or all there are at the moment when it is 0, but
// those that keep wants (nil: none), and overwrites their bytes. It returns how many it has erased. Interrupted it may be
// called again and goes on with what is left; several may erase at once. It is invisible to followers: write down why
// first, and keep what you wrote, for a guard under which nothing is left is at 0 again. Sequences and guards of what
// is kept stay as they are.
//
// On one server with files, payloads and headers are in none of the stream's files once Erase returns; the subject is in the
// index until that is written the next time, within minutes. In a cluster the members' own logs hold all of it for some
// minutes. A message costs 4 ms in a small stream and 12 ms in a file that is full, since the server writes its file of
// up to 8 MiB anew: it is for what must be gone, not for trimming.
//
// It must come before [Log.Purge], not after. What was purged is no message any more and cannot be overwritten. It lies in
// its file until the server removes that, because nothing in it is left, or rewrites it. That happens within the
// server's sync interval, 2 minutes by default, once more than half of the file is dead and it is not the stream's newest one any
// more: a file is full at 8 MiB, at 4 MiB where MaxBytes is below 32 MiB, and of a quiet stream the newest one may stay so
// for ever. Appending as much and purging it again moves the stream on to the next file.
//
// The error is [ErrNoStream], or Unavailable when the server does not answer: within 5 s to a question, within a minute
// to the erasing of one message. The number is right then, too.
func (l *Log) Erase(ctx context.Context, stream, filter string, upTo uint64, keep func(Message) bool) (erased int, err error) {
	if upTo == 0 {
		info, err := l.Info(ctx, stream)
		if err != nil {
			return 0, err
		}
		upTo = info.Last + 1
	}
	s, err := l.handle(ctx, stream)
	if err != nil {
		return 0, err
	}
	err = l.Between(ctx, NewGuard(stream, filter), 0, upTo-1, func(m Message) error {
		if keep != nil && keep(m) {
			return nil
		}
		if err := l.overwrite(ctx, s, m); err != nil {
			return err
		}
		erased++
		return nil
	})
	return erased, err
}

// overwrite erases one message. Somebody else may have been faster.
func (l *Log) overwrite(ctx context.Context, s jetstream.Stream, m Message) error {
	ctx, cancel := context.WithTimeout(ctx, eraseTime)
	defer cancel()
	err := s.SecureDeleteMsg(ctx, m.Sequence)
	if err == nil {
		return nil
	}
	if _, there, e := l.At(ctx, m.Stream, m.Sequence); e == nil && !there {
		return nil
	}
	return unavailable("stream.erase", err)
}
