package stream_test

import (
	"context"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
)

// orders opens a log with an empty stream ORDERS on it, as the example of the package shows step by step.
func orders(ctx context.Context) (log *stream.Log, stop func(), err error) {
	nc, stop, err := streamtest.Run()
	if err != nil {
		return nil, nil, err
	}
	log, err = stream.Open(nc, stream.Config{})
	if err == nil {
		_, _, err = log.Declare(ctx, stream.Declaration{Name: "ORDERS", Subjects: []string{"orders.>"}, MaxBytes: 1 << 20})
	}
	if err != nil {
		stop()
		return nil, nil, err
	}
	return log, stop, nil
}
