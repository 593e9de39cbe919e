package follow_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kikigaki/kikigaki/pkg/follow"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
	"github.com/kikigaki/kikigaki/pkg/view"
)

// shop is a log of orders and a folder for the views that are made of it.
type shop struct {
	log  *stream.Log
	dir  string
	stop func()
}

// openShop starts a server with an empty stream ORDERS on it.
func openShop(ctx context.Context) (s shop, err error) {
	nc, stop, err := streamtest.Run() // a server inside this process; elsewhere: nats.Connect("nats://…")
	if err != nil {
		return s, err
	}
	s.dir, err = os.MkdirTemp("", "views-")
	s.stop = func() { stop(); _ = os.RemoveAll(s.dir) }
	if err == nil {
		s.log, err = stream.Open(nc, stream.Config{})
	}
	if err == nil {
		_, _, err = s.log.Declare(ctx, stream.Declaration{Name: "ORDERS", Subjects: []string{"orders.>"}, MaxBytes: 1 << 20})
	}
	if err != nil {
		s.stop()
	}
	return s, err
}

// replica starts a follower that keeps the newest event of each order, in a view of its own.
func (s shop) replica(ctx context.Context, name string) (*follow.Follower, error) {
	f := follow.New(follow.Config{
		Log:     s.log,
		Path:    filepath.Join(s.dir, name+".db"),
		Buckets: []string{"orders", "tills"},
		Format:  "1",
		Streams: []string{"ORDERS"},
		Apply:   keepNewest,
	})
	err := f.Start(ctx)
	return f, err
}

// keepNewest is what one message changes in a view: a function of the message and of what is there, and of no clock.
func keepNewest(tx *view.Tx, m stream.Message) error {
	if m.Subject == "orders.till" { // a total: what is decided upon it expects the sequence it has
		return tx.Put("tills", []byte(m.Subject), fmt.Appendf(nil, "%d %s", m.Sequence, m.Data))
	}
	return tx.Put("orders", []byte(m.Subject), m.Data)
}
