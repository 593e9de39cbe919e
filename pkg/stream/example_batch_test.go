package stream_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
)

// Stock moves from one order to another: both are written, or neither.
func ExampleLog_AppendAll() {
	ctx := context.Background()
	log, stop, err := orders(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	together := stream.Declaration{Name: "ORDERS", Subjects: []string{"orders.>"}, MaxBytes: 1 << 20, Batches: true}
	if _, _, err := log.Declare(ctx, together); err != nil {
		fmt.Println(err)
		return
	}
	one, two := stream.NewGuard("ORDERS", "orders.o-1.>"), stream.NewGuard("ORDERS", "orders.o-2.>")
	sequences, err := log.AppendAll(ctx, "ORDERS", []stream.Write{
		{Guard: one, Expected: 0, Event: stream.Event{ID: "e-1", Subject: "orders.o-1.gave"}},
		{Guard: two, Expected: 0, Event: stream.Event{ID: "e-2", Subject: "orders.o-2.got"}},
	})
	fmt.Println(sequences, err)

	_, err = log.AppendAll(ctx, "ORDERS", []stream.Write{
		{Guard: one, Expected: 1, Event: stream.Event{ID: "e-3", Subject: "orders.o-1.paid"}},
		{Guard: two, Expected: 1, Event: stream.Event{ID: "e-4", Subject: "orders.o-2.paid"}}, // it is at 2
	})
	conflict, lost := errors.AsType[*stream.Conflict](err)
	fmt.Println(lost, conflict.Guard == two)
	newest, _, err := log.Last(ctx, one)
	fmt.Println(newest.Subject, err)
	// Output:
	// [1 2] <nil>
	// true true
	// orders.o-1.gave <nil>
}

// A customer buys two things; the second is the last one, and somebody else is faster: nothing is bought.
func ExampleLog_CommitAll() {
	ctx := context.Background()
	log, stop, err := orders(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	together := stream.Declaration{Name: "ORDERS", Subjects: []string{"orders.>"}, MaxBytes: 1 << 20, Batches: true}
	if _, _, err := log.Declare(ctx, together); err != nil {
		fmt.Println(err)
		return
	}
	shop, left := stream.NewGuard("ORDERS", "orders.>"), 2
	_, err = log.CommitAll(ctx, shop, "e-1", func(ctx context.Context, last uint64) ([]stream.Event, error) {
		if left < 2 {
			return nil, fault.New(fault.Conflict, "SOLD_OUT")
		}
		// Somebody else is faster: between this decision and its write.
		if _, err := log.Append(ctx, shop, last, stream.Event{ID: "e-2", Subject: "orders.o-2.bought"}); err != nil {
			return nil, err
		}
		left--
		return []stream.Event{{Subject: "orders.o-1.bought"}, {Subject: "orders.o-1.bought"}}, nil
	})
	fmt.Println(fault.CodeOf(err))
	newest, _, err := log.Last(ctx, shop)
	fmt.Println(newest.Sequence, newest.Subject, err)
	// Output:
	// SOLD_OUT
	// 1 orders.o-2.bought <nil>
}
