package stream_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/kikigaki/kikigaki/pkg/stream"
)

// Every process declares what it needs when it starts. Who comes second finds the stream, and it stays the same one:
// positions that others remember are still good.
func ExampleLog_Declare() {
	ctx := context.Background()
	log, stop, err := orders(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	before, err := log.Info(ctx, "ORDERS")
	if err != nil {
		fmt.Println(err)
		return
	}
	larger := stream.Declaration{Name: "ORDERS", Subjects: []string{"orders.>"}, MaxBytes: 2 << 20}
	after, created, err := log.Declare(ctx, larger)
	fmt.Println("created:", created, err)
	fmt.Println("the same stream:", before.Incarnation == after.Incarnation)

	_, err = log.Info(ctx, "INVOICES")
	fmt.Println("invoices:", errors.Is(err, stream.ErrNoStream))
	// Output:
	// created: false <nil>
	// the same stream: true
	// invoices: true
}
