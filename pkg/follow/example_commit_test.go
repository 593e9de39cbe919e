package follow_test

import (
	"context"
	"fmt"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
)

// An order is placed once. The decision sees everything that was ever written about it, and when Commit returns the
// view has what was written now.
func ExampleFollower_Commit() {
	ctx := context.Background()
	s, err := openShop(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.stop()
	f, err := s.replica(ctx, "one")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = f.Stop(ctx) }()

	place := func(eventID, what string) error {
		guard := stream.NewGuard("ORDERS", "orders.o-1")
		_, err := f.Commit(ctx, guard, eventID, func(tx *view.Tx) (*stream.Event, error) {
			if there := tx.Get("orders", []byte("orders.o-1")); there != nil {
				return nil, fault.New(fault.Conflict, "ORDER_EXISTS", fault.Param("what", string(there)))
			}
			return &stream.Event{Subject: "orders.o-1", Data: []byte(what)}, nil
		})
		return err
	}
	fmt.Println("placed:", place("e-1", "two cups"))
	fmt.Println("once more:", fault.CodeOf(place("e-2", "three cups")))
	// Whoever got no answer sends the same event id again. It is not written twice.
	fmt.Println("no answer, so again:", place("e-1", "two cups"))
	// Output:
	// placed: <nil>
	// once more: ORDER_EXISTS
	// no answer, so again: <nil>
}
