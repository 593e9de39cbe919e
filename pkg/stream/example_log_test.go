package stream_test

import (
	"context"
	"fmt"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
)

// A stream is declared, an event is written under the guard of its order, and the newest one is read back.
func Example() {
	ctx := context.Background()
	nc, stop, err := streamtest.Run() // a server inside this process; elsewhere: nats.Connect("nats://…")
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
	_, created, err := log.Declare(ctx, stream.Declaration{
		Name:     "ORDERS",
		Subjects: []string{"orders.>"}, // orders.<order>.<kind>
		MaxBytes: 64 << 20,             // full means refused; nothing old is dropped
	})
	fmt.Println("created:", created, err)

	guard := stream.NewGuard("ORDERS", "orders.o-1.>") // whatever happens to order o-1
	sequence, err := log.Append(ctx, guard, 0, stream.Event{
		ID: "e-1", Subject: "orders.o-1.placed", Data: []byte("two cups"),
	})
	fmt.Println("on disk at:", sequence, err)

	newest, found, err := log.Last(ctx, guard)
	fmt.Printf("%s: %s %t %v\n", newest.Subject, newest.Data, found, err)
	// Output:
	// created: true <nil>
	// on disk at: 1 <nil>
	// orders.o-1.placed: two cups true <nil>
}
