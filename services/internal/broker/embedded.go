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
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Names in the data directory.
const (
	logDir      = "log"
	lockFile    = "lock"
	markerFile  = "log.marker"
	ballastFile = "ballast"
)

// embedded is the nats-server inside this process, together with its data directory.
type embedded struct {
	dir    string
	opts   *server.Options
	log    *serverLog
	lock   *dirLock
	marker *Marker
	port   *port // nil without one

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
	e := &embedded{dir: dir, opts: opts, log: &serverLog{log: cfg.Logger, woken: make(chan struct{}, 1)}, lock: lock}
	if !opts.DontListen {
		e.port = &port{resolve: cfg.Publishers, log: cfg.Logger}
		opts.CustomClientAuthentication = e.port
	}
	e.unload(cfg)
	if e.marker, err = LoadMarker(filepath.Join(dir, markerFile)); err == nil {
		err = e.boot(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, lock.release())
	}
	if e.port != nil {
		warnOpen(ctx, cfg.Logger, e.addr())
	}
	return e, nil
}

// unload gives a server that starts on a full disk the room of the ballast.
func (e *embedded) unload(cfg Config) {
	d, err := measure(e.dir)
	if err == nil && d.free < marksOf(d.total, cfg.MinFree).ballast/4 {
		err = setBallast(e.dir, 0)
	}
	if err != nil {
		cfg.Logger.Error("looking at the disk", slog.Any("error", err))
	}
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
	if e.port != nil {
		if err := e.port.attach(run); err != nil {
			return err
		}
	}
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
	if addr, ok := run.Addr().(*net.TCPAddr); ok {
		e.opts.Port = addr.Port // the same after a restart, for those who look for it there
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

// restart starts the server anew, unless that is not called for any more when the one before it is done.
func (e *embedded) restart(ctx context.Context, called func() bool) error {
	e.life.Lock()
	defer e.life.Unlock()
	if e.stopped {
		return errors.New("broker: restart: stopped")
	}
	if !called() {
		return nil
	}
	e.log.log.WarnContext(ctx, "restarting the embedded log")
	e.shutdown()
	e.log.stuck.Store(false) // what the old server still said is of no concern any more
	err := e.boot(ctx)
	if err != nil {
		e.log.stick() // until another try
	}
	return err
}

// stuck tells whether the server writes nothing more until it is restarted, or is just being restarted.
func (e *embedded) stuck() bool {
	run := e.running()
	return e.log.stuck.Load() || run == nil || !run.JetStreamEnabled()
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
	log.WarnContext(ctx, "publishers' port is open to other machines and not encrypted: tokens and transcripts can be read on the way",
		slog.String("address", addr.String()))
}
