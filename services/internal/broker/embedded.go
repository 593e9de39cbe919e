package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Names in the data directory.
const (
	logDir     = "log"
	lockFile   = "lock"
	markerFile = "log.marker"
)

// embedded is the nats-server inside this process, together with its data directory.
type embedded struct {
	opts   *server.Options
	log    *serverLog
	lock   *dirLock
	marker *Marker

	life    sync.Mutex // held while starting or stopping, so that a restart cannot overtake the stop
	stopped bool

	mu  sync.RWMutex
	run *server.Server // nil while stopped
}

// startEmbedded takes the data directory and starts the server over it.
func startEmbedded(ctx context.Context, cfg Config) (*embedded, error) {
	dir := cmp.Or(cfg.DataDir, "data")
	opts, err := serverOptions(cfg, dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("broker: data directory: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	e := &embedded{opts: opts, log: &serverLog{log: cfg.Logger}, lock: lock}
	if e.marker, err = LoadMarker(filepath.Join(dir, markerFile)); err == nil {
		err = e.boot(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, lock.release())
	}
	if !opts.DontListen {
		warnOpen(ctx, cfg.Logger, e.addr())
	}
	return e, nil
}

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
	host, port, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("broker: listen address: %w", err)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("broker: listen address %q: port: %w", cfg.Listen, err)
	}
	opts.Host, opts.Port = host, int(number)
	if number == 0 {
		opts.Port = server.RANDOM_PORT
	}
	return opts, nil
}

// boot starts a server over the files and waits until it accepts connections. What the server calls fatal (the port is
// taken, the store cannot be opened) is the error.
func (e *embedded) boot(ctx context.Context) error {
	run, err := server.NewServer(e.opts.Clone())
	if err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	fatal := e.log.watch()
	run.SetLoggerV2(e.log, false, false, false)
	run.Start()
	for !run.ReadyForConnections(50 * time.Millisecond) {
		select {
		case err = <-fatal:
		case <-ctx.Done():
			err = context.Cause(ctx)
		default:
			continue
		}
		run.Shutdown()
		run.WaitForShutdown()
		return fmt.Errorf("broker: embedded server: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.run = run
	return nil
}

// InProcessConn connects to the server that runs now, so that the connection finds it again after a restart.
func (e *embedded) InProcessConn() (net.Conn, error) {
	run := e.running()
	if run == nil {
		return nil, nats.ErrNoServers
	}
	return run.InProcessConn()
}

func (e *embedded) addr() net.Addr {
	if run := e.running(); run != nil {
		return run.Addr()
	}
	return nil
}

func (e *embedded) running() *server.Server {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.run
}

func (e *embedded) restart(ctx context.Context) error {
	e.life.Lock()
	defer e.life.Unlock()
	if e.stopped {
		return errors.New("broker: restart: stopped")
	}
	e.shutdown()
	return e.boot(ctx)
}

// stop shuts the server down and releases the data directory, in this order: the next owner must find closed files.
func (e *embedded) stop(ctx context.Context) error {
	done := make(chan error, 1)
	go func() {
		e.life.Lock()
		defer e.life.Unlock()
		e.stopped = true
		e.shutdown()
		done <- e.lock.release()
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("broker: the embedded server is still shutting down: %w", context.Cause(ctx))
	}
}

func (e *embedded) shutdown() {
	e.mu.Lock()
	run := e.run
	e.run = nil
	e.mu.Unlock()
	if run != nil {
		run.Shutdown()
		run.WaitForShutdown()
	}
}

// warnOpen says what an open port means where others than this machine may reach it.
func warnOpen(ctx context.Context, log *slog.Logger, addr net.Addr) {
	at, err := netip.ParseAddrPort(addr.String())
	if err == nil && at.Addr().IsLoopback() {
		return
	}
	log.WarnContext(ctx, "the log's port is open to other machines and asks for no credentials",
		slog.String("address", addr.String()))
}
