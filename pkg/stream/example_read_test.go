package stream_test

import (
	"context"
	"fmt"

	"github.com/kikigaki/kikigaki/pkg/stream"
)

// The history of one order, as the leader of the stream has it.
func ExampleLog_Between() {
	ctx := context.Background()
	log, stop, err := orders(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	for i, subject := range []string{"orders.o-1.placed", "orders.o-2.placed", "orders.o-1.paid"} {
		all := stream.NewGuard("ORDERS", "orders.>")
		if _, err := log.Append(ctx, all, uint64(i), stream.Event{ID: fmt.Sprint("e-", i), Subject: subject}); err != nil {
			fmt.Println(err)
			return
		}
	}

	guard := stream.NewGuard("ORDERS", "orders.o-1.>")
	newest, _, err := log.Last(ctx, guard)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = log.Between(ctx, guard, 0, newest.Sequence, func(m stream.Message) error {
		fmt.Println(m.Sequence, m.Subject, m.EventID)
		return nil
	})
	fmt.Println(err)
	// Output:
	// 1 orders.o-1.placed e-0
	// 3 orders.o-1.paid e-2
	// <nil>
}
