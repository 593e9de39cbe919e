package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// handle returns a handle on a stream. Making one asks the server for the stream's info, which is as dear as the
// message that is wanted, so handles are kept; they hold nothing that goes stale but AllowDirect, which no stream has.
func (l *Log) handle(ctx context.Context, name string) (jetstream.Stream, error) {
	if kept, ok := l.handles.Load(name); ok {
		if s, ok := kept.(jetstream.Stream); ok {
			return s, nil
		}
	}
	s, err := l.js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("%w: %s", ErrNoStream, name)
	}
	if err != nil {
		return nil, unavailable("stream.handle", err)
	}
	l.handles.Store(name, s)
	return s, nil
}
