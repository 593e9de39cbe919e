package broker

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// serverOptions are those of the embedded server. The streams are synced before anything is acknowledged: with the
// server's own default, one sync in two minutes, a power cut takes most of what was acknowledged since.
func serverOptions(cfg Config, dir string) (*server.Options, error) {
	opts := &server.Options{
		ServerName:         "kikigaki",
		DontListen:         cfg.Listen == "",
		NoSigs:             true, // signals are the process's business
		JetStream:          true,
		StoreDir:           filepath.Join(dir, logDir),
		SyncAlways:         true,
		JetStreamMaxStore:  cmp.Or(cfg.MaxStore, DefaultMaxStore),
		JetStreamMaxMemory: 256 << 20, // leases only
	}
	// Every service follows the streams that it needs, and every screen that catches up reads one.
	opts.JetStreamLimits.DefaultMaxConsumers = 2000
	if opts.DontListen {
		return opts, nil
	}
	if cfg.Publishers == nil {
		return nil, errors.New("broker: a listener needs somebody who says who a token is")
	}
	// What strangers can make us hold: connections that have not named themselves, and subscriptions. The limits are for
	// our own connections too and must be far from what these need.
	opts.MaxConn, opts.MaxSubs, opts.AuthTimeout = 1024, 10_000, authTimeout.Seconds()
	return opts, setListen(opts, cfg.Listen)
}

// authTimeout is how long a connection may take to name itself.
const authTimeout = 5 * time.Second

// setListen sets where the server listens.
func setListen(opts *server.Options, listen string) error {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("broker: listen address: %w", err)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return fmt.Errorf("broker: listen address %q: port: %w", listen, err)
	}
	opts.Host, opts.Port = host, int(number)
	if number == 0 {
		opts.Port = server.RANDOM_PORT
	}
	return nil
}
