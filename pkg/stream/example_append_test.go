package stream_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/kikigaki/kikigaki/pkg/stream"
)

// Two writers have seen the same newest event of an order. The one who is second is refused and has to look again.
func ExampleLog_Append() {
	ctx := context.Background()
	log, stop, err := orders(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	guard := stream.NewGuard("ORDERS", "orders.o-1.>")
	placed, err := log.Append(ctx, guard, 0, stream.Event{ID: "e-1", Subject: "orders.o-1.placed"})
	fmt.Println("placed:", placed, err)

	paid, err := log.Append(ctx, guard, placed, stream.Event{ID: "e-2", Subject: "orders.o-1.paid"})
	fmt.Println("paid:", paid, err)

	_, err = log.Append(ctx, guard, placed, stream.Event{ID: "e-3", Subject: "orders.o-1.cancelled"})
	_, lost := errors.AsType[*stream.Conflict](err)
	fmt.Println("cancelled:", err, lost)

	// Another order has another guard: nobody is in its way.
	_, err = log.Append(ctx, stream.NewGuard("ORDERS", "orders.o-2.>"), 0, stream.Event{ID: "e-4", Subject: "orders.o-2.placed"})
	fmt.Println("another order:", err)
	// Output:
	// placed: 1 <nil>
	// paid: 2 <nil>
	// cancelled: stream: ORDERS/orders.o-1.> has moved true
	// another order: <nil>
}
