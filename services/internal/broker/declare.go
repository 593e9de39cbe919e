package broker

import (
	"context"
	"errors"
	"fmt"

	"github.com/kikigaki/kikigaki/pkg/stream"
)

// ErrLost says that a stream that once was is not there any more. Starting over it with an empty one would look like
// a fresh installation; the operator has to restore it, or to say that it may be forgotten by removing the marker.
var ErrLost = errors.New("broker: a stream is missing")

// Declare makes the log as [Declarations] say. A stream that the marker remembers and the server does not have is
// [ErrLost], unless it was in memory only. A nil marker remembers nothing.
func Declare(ctx context.Context, log *stream.Log, marker *Marker) error {
	for _, d := range Declarations() {
		if err := ensure(ctx, log, marker, d); err != nil {
			return err
		}
	}
	return nil
}

func ensure(ctx context.Context, log *stream.Log, marker *Marker, d stream.Declaration) error {
	if marker != nil && !d.Memory && marker.Remembered()[d.Name] != "" {
		_, err := log.Info(ctx, d.Name)
		if errors.Is(err, stream.ErrNoStream) {
			return fmt.Errorf("%w: %s (incarnation %s)", ErrLost, d.Name, marker.Remembered()[d.Name])
		}
		if err != nil {
			return err
		}
	}
	info, _, err := log.Declare(ctx, d)
	if err != nil || marker == nil || d.Memory {
		return err
	}
	return marker.Remember(d.Name, info.Incarnation)
}
