package streamtest

import (
	"fmt"
	"os"

	"github.com/nats-io/nats.go"
)

// Run starts a server without a port over an empty store and connects to it, for Examples and other code that has no
// [testing.TB]; tests use [Start]. stop closes the connection, stops the server and removes its files. It may be called
// again; after an error there is nothing to stop.
func Run() (nc *nats.Conn, stop func(), err error) {
	dir, err := os.MkdirTemp("", "streamtest-")
	if err != nil {
		return nil, nil, fmt.Errorf("streamtest: %w", err)
	}
	s := &Server{opts: alone(dir), diary: &diary{}}
	s.run, err = launch(s.opts.Clone(), s.diary)
	if err == nil {
		nc, err = dial("", nats.InProcessServer(s))
	}
	if err != nil {
		s.Close()
		_ = os.RemoveAll(dir)
		return nil, nil, err
	}
	return nc, func() {
		nc.Close()
		s.Close()
		_ = os.RemoveAll(dir)
	}, nil
}
