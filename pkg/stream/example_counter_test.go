package stream_test

import (
	"context"
	"fmt"

	"github.com/kikigaki/kikigaki/pkg/stream"
)

// Two may be sold. What is counted beyond that is given back.
func ExampleLog_Increment() {
	ctx := context.Background()
	log, stop, err := orders(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	sold := stream.Declaration{Name: "SOLD", Subjects: []string{"sold.>"}, MaxBytes: 1 << 20, Counters: true}
	if _, _, err := log.Declare(ctx, sold); err != nil {
		fmt.Println(err)
		return
	}
	for _, order := range []string{"o-1", "o-2", "o-2", "o-3"} { // o-2 comes again: its answer was lost
		total, err := log.Increment(ctx, "SOLD", "sold.cups", 1, order)
		if err == nil && total > 2 {
			total, err = log.Increment(ctx, "SOLD", "sold.cups", -1, order+"-refused")
		}
		fmt.Println(order, total, err)
	}
	// Output:
	// o-1 1 <nil>
	// o-2 2 <nil>
	// o-2 2 <nil>
	// o-3 2 <nil>
}
