package stream_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/kikigaki/kikigaki/pkg/stream"
)

// A customer wants to be forgotten. That it was so stays, and keeps the guard from running backwards.
func ExampleLog_Erase() {
	ctx := context.Background()
	log, stop, err := orders(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	guard := stream.NewGuard("ORDERS", "orders.o-1.>")
	for n, kind := range []string{"placed", "paid", "erased"} {
		event := stream.Event{ID: kind, Subject: "orders.o-1." + kind}
		if _, err := log.Append(ctx, guard, uint64(n), event); err != nil {
			fmt.Println(err)
			return
		}
	}
	erased, err := log.Erase(ctx, "ORDERS", "orders.o-1.>", 0, func(m stream.Message) bool {
		return strings.HasSuffix(m.Subject, ".erased")
	})
	fmt.Println(erased, err)
	newest, _, err := log.Last(ctx, guard)
	fmt.Println(newest.Sequence, newest.Subject, err)
	// Output:
	// 2 <nil>
	// 3 orders.o-1.erased <nil>
}
