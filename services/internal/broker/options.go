package broker

import (
	"cmp"
	"fmt"
	"net"
	"path/filepath"
	"strconv"

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
	return opts, setListen(opts, cfg.Listen)
}

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
