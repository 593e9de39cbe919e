package follow_test

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/kikigaki/kikigaki/pkg/follow"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
)

// A view is kept in step with a stream: one bucket, one function that says what a message changes.
func Example() {
	ctx := context.Background()
	s, err := openShop(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.stop()
	f := follow.New(follow.Config{
		Log:     s.log,
		Path:    filepath.Join(s.dir, "orders.db"),
		Buckets: []string{"orders"},
		Format:  "1",
		Streams: []string{"ORDERS"},
		Apply: func(tx *view.Tx, m stream.Message) error {
			return tx.Put("orders", []byte(m.Subject), m.Data)
		},
	})
	if err := f.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = f.Stop(ctx) }()

	sequence, err := s.log.Append(ctx, stream.NewGuard("ORDERS", "orders.o-1"), 0,
		stream.Event{ID: "e-1", Subject: "orders.o-1", Data: []byte("two cups")})
	fmt.Println("written:", sequence, err)
	fmt.Println("in the view:", f.Wait(ctx, "ORDERS", sequence))
	err = f.Read(func(tx *view.Tx) error {
		fmt.Printf("%s\n", tx.Get("orders", []byte("orders.o-1")))
		return nil
	})
	fmt.Println(err)
	// Output:
	// written: 1 <nil>
	// in the view: <nil>
	// two cups
	// <nil>
}
