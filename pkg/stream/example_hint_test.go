package stream_test

import (
	"context"
	"fmt"
	"time"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
)

// A hint wakes who listens, who then looks at what is really there. It is said again until somebody has heard it here,
// for what is said before the listening begins is lost.
func ExampleLog_Hint() {
	nc, stop, err := streamtest.Run()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	log, err := stream.Open(nc, stream.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, enough := context.WithCancel(context.Background())
	go func() {
		for ctx.Err() == nil {
			_ = log.Hint(ctx, "hints.order.o-1", []byte("paid"))
			time.Sleep(time.Millisecond)
		}
	}()
	heard := ""
	err = log.Hints(ctx, "hints.order.*", func(subject string, data []byte) {
		heard = subject + " " + string(data)
		enough()
	})
	fmt.Println(heard)
	fmt.Println(err)
	// Output:
	// hints.order.o-1 paid
	// context canceled
}
