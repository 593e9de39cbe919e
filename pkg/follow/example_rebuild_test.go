package follow_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
)

// A view may be deleted while its program does not run. It comes back from the log, and is equal.
func ExampleFollower_Start() {
	ctx := context.Background()
	s, err := openShop(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.stop()
	written, err := s.log.Append(ctx, stream.NewGuard("ORDERS", "orders.o-1"), 0,
		stream.Event{ID: "e-1", Subject: "orders.o-1", Data: []byte("two cups")})
	if err != nil {
		fmt.Println(err)
		return
	}
	run := func() map[string]view.Sum {
		f, err := s.replica(ctx, "one")
		if err != nil {
			fmt.Println(err)
			return nil
		}
		defer func() { _ = f.Stop(ctx) }()
		if err := f.Wait(ctx, "ORDERS", written); err != nil {
			fmt.Println(err)
		}
		sums, err := f.View().Sums()
		fmt.Println("ready:", f.Ready(ctx), err)
		return sums
	}
	before := run()
	fmt.Println("deleted:", os.Remove(filepath.Join(s.dir, "one.db")))
	fmt.Println("equal:", maps.Equal(before, run()))
	// Output:
	// ready: <nil> <nil>
	// deleted: <nil>
	// ready: <nil> <nil>
	// equal: true
}
