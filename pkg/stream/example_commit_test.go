package stream_test

import (
	"context"
	"fmt"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
)

// A customer cancels while the order is being paid elsewhere. The payment is first; Commit decides again upon what is
// true now, and the rule says no.
func ExampleLog_Commit() {
	ctx := context.Background()
	log, stop, err := orders(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	guard := stream.NewGuard("ORDERS", "orders.o-1.>")
	if _, err := log.Append(ctx, guard, 0, stream.Event{ID: "e-1", Subject: "orders.o-1.placed"}); err != nil {
		fmt.Println(err)
		return
	}

	_, err = log.Commit(ctx, guard, "e-3", func(ctx context.Context, last uint64) (*stream.Event, error) {
		newest, _, err := log.At(ctx, "ORDERS", last)
		if err != nil {
			return nil, err
		}
		fmt.Println("decides upon", newest.Subject)
		if newest.Subject == "orders.o-1.paid" {
			return nil, fault.New(fault.Conflict, "ORDER_PAID")
		}
		// Somebody else is faster: between this decision and its write.
		if _, err := log.Append(ctx, guard, last, stream.Event{ID: "e-2", Subject: "orders.o-1.paid"}); err != nil {
			return nil, err
		}
		return &stream.Event{Subject: "orders.o-1.cancelled"}, nil
	})
	fmt.Println(fault.KindOf(err), fault.CodeOf(err))
	// Output:
	// decides upon orders.o-1.placed
	// decides upon orders.o-1.paid
	// conflict ORDER_PAID
}
