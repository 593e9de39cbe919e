package stream_test

import (
	"context"
	"fmt"
	"time"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
)

// Strangers publish into a queue; each message is worked on until it is acknowledged, at its second try here.
func ExampleLog_Consume() {
	ctx, enough := context.WithCancel(context.Background())
	defer enough()
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
	queue := stream.Declaration{Name: "IN", Subjects: []string{"in.>"}, MaxBytes: 1 << 20, WorkQueue: true}
	if _, _, err := log.Declare(ctx, queue); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := nc.Request("in.shop", []byte("two cups"), time.Second); err != nil { // what any program of theirs does
		fmt.Println(err)
		return
	}

	worker := stream.ConsumeConfig{Stream: "IN", Durable: "worker", MaxPending: 100}
	err = log.Consume(ctx, worker, func(ctx context.Context, d stream.Delivery) {
		fmt.Printf("%s: %s, try %d\n", d.Message.Subject, d.Message.Data, d.NumDelivered)
		if d.NumDelivered == 1 {
			d.Retry(10 * time.Millisecond)
			return
		}
		fmt.Println("done:", d.Ack(ctx))
		enough()
	})
	fmt.Println(err)
	// Output:
	// in.shop: two cups, try 1
	// in.shop: two cups, try 2
	// done: <nil>
	// context canceled
}
