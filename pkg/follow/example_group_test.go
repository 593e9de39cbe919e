package follow_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/kikigaki/kikigaki/pkg/follow"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
)

// A hundred shops ring up a sale at once. Sales of one shop that wait for the disk together become one event; each is told
// where it stands.
func ExampleGroup() {
	ctx, end := context.WithCancel(context.Background())
	defer end()
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
	defer func() { _ = f.Stop(context.Background()) }()

	type sale struct {
		cents, total int // total is the shop's, with this sale
	}
	events := 0
	g := follow.NewGroup(follow.GroupConfig[*sale]{
		Follower: f, Stream: "ORDERS",
		// The view keeps "<sequence> <total>": what the next event expects, and what it adds to.
		Expected: func(tx *view.Tx, _ *sale) uint64 { last, _ := readTill(tx); return last },
		Decide: func(tx *view.Tx, settling, sales []*sale) (*stream.Event, error) {
			_, total := readTill(tx)
			for _, one := range settling { // on the log, and not in the view yet
				total += one.cents
			}
			for _, one := range sales {
				total += one.cents
				one.total = total
			}
			events++
			return &stream.Event{Subject: "orders.till", Data: []byte(fmt.Sprint(total))}, nil
		},
		NewID: func() string { return fmt.Sprint("e-", events) },
		Size:  func(*sale) int { return 16 }, MaxEvent: 1 << 10, MaxRequests: 64, MaxWaiting: 1 << 20, Worthwhile: 12,
	})
	var running, shops sync.WaitGroup
	running.Go(func() { g.Run(ctx) })
	for range 100 {
		shops.Go(func() {
			if _, err := g.Do(ctx, stream.NewGuard("ORDERS", "orders.till"), &sale{cents: 5}); err != nil {
				fmt.Println(err)
			}
		})
	}
	shops.Wait()
	end()
	running.Wait()
	_ = f.WaitPosition(context.Background(), "") // reads wait for what the group has written
	_ = f.Read(func(tx *view.Tx) error {
		_, total := readTill(tx)
		fmt.Println("in the till:", total, "cents; fewer events than sales:", events < 100)
		return nil
	})
	// Output: in the till: 500 cents; fewer events than sales: true
}

// readTill is the newest event of the till, and the total in it.
func readTill(tx *view.Tx) (sequence uint64, total int) {
	_, _ = fmt.Sscan(string(tx.Get("tills", []byte("orders.till"))), &sequence, &total)
	return sequence, total
}
