package follow_test

import (
	"context"
	"fmt"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
)

// A client writes at one replica and reads at another. It brings the position along that the write returned, and the
// other replica answers when it has come as far.
func ExampleFollower_WaitPosition() {
	ctx := context.Background()
	s, err := openShop(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.stop()
	one, err := s.replica(ctx, "one")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = one.Stop(ctx) }()
	other, err := s.replica(ctx, "other")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = other.Stop(ctx) }()

	guard := stream.NewGuard("ORDERS", "orders.o-1")
	written, err := one.Commit(ctx, guard, "e-1", func(*view.Tx) (*stream.Event, error) {
		return &stream.Event{Subject: "orders.o-1", Data: []byte("two cups")}, nil
	})
	fmt.Println("written:", err)
	token := written.Encode() // a header or a field of the answer

	fmt.Println("has come as far:", other.WaitPosition(ctx, token))
	err = other.Read(func(tx *view.Tx) error {
		fmt.Printf("%s\n", tx.Get("orders", []byte("orders.o-1")))
		return nil
	})
	fmt.Println(err)
	// Output:
	// written: <nil>
	// has come as far: <nil>
	// two cups
	// <nil>
}
