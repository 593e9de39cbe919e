package stream_test

import (
	"context"
	"fmt"

	"github.com/kikigaki/kikigaki/pkg/stream"
)

// Everything behind sequence 1 is delivered in order, and what is written later as well, until the context ends.
func ExampleLog_Tail() {
	ctx := context.Background()
	log, stop, err := orders(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	all := stream.NewGuard("ORDERS", "orders.>")
	write := func(expected uint64, subject string) {
		if _, err := log.Append(ctx, all, expected, stream.Event{ID: subject, Subject: subject}); err != nil {
			fmt.Println(err)
		}
	}
	write(0, "orders.o-1.placed")
	write(1, "orders.o-1.paid")

	reading, enough := context.WithCancel(ctx)
	defer enough()
	err = log.Tail(reading, "ORDERS", 1, func(m stream.Message) {
		fmt.Println(m.Sequence, m.Subject)
		switch m.Sequence {
		case 2:
			write(2, "orders.o-1.sent")
		case 3:
			enough()
		}
	})
	fmt.Println(err)
	// Output:
	// 2 orders.o-1.paid
	// 3 orders.o-1.sent
	// context canceled
}
