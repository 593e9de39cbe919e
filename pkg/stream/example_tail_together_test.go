package stream_test

import (
	"context"
	"fmt"
	"time"

	"github.com/kikigaki/kikigaki/pkg/stream"
)

// A reader that puts messages into a file has them in groups: what comes within 5 ms of the first goes along.
func ExampleLog_TailTogether() {
	ctx := context.Background()
	log, stop, err := orders(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	all := stream.NewGuard("ORDERS", "orders.>")
	for n, at := range []string{"orders.o-1.placed", "orders.o-1.paid", "orders.o-1.sent"} {
		if _, err := log.Append(ctx, all, uint64(n), stream.Event{ID: at, Subject: at}); err != nil {
			fmt.Println(err)
		}
	}

	reading, enough := context.WithCancel(ctx)
	defer enough()
	rest := func(context.Context, uint64) { time.Sleep(5 * time.Millisecond) }
	err = log.TailTogether(reading, "ORDERS", 0, rest, func(group []stream.Message) {
		for _, m := range group {
			fmt.Println(m.Sequence, m.Subject)
		}
		enough()
	})
	fmt.Println(err)
	// Output:
	// 1 orders.o-1.placed
	// 2 orders.o-1.paid
	// 3 orders.o-1.sent
	// context canceled
}
