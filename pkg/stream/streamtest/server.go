package streamtest

import (
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// readyTimeout bounds every wait for a server. Generous: several test binaries share two cores in CI.
const readyTimeout = 60 * time.Second

// Option changes how [Start] starts its server.
type Option func(*server.Options)

// Listening opens a port on the loopback interface, for code under test that connects by URL. Without it the server has
// no port at all.
func Listening() Option {
	return func(o *server.Options) {
		o.DontListen = false
		o.Host = loopback
	}
}

// MaxStore bounds the file store to n bytes, for tests of a log that runs full. Otherwise it is 256 GiB, which holds the
// limits of all streams of the product: the server counts a stream's limit, not what is in it.
func MaxStore(n int64) Option {
	return func(o *server.Options) { o.JetStreamMaxStore = n }
}

// SyncInterval makes the server look every so often, instead of every 2 minutes, which of its files to tidy up, for tests
// of what it leaves on disk. It syncs every write all the same.
func SyncInterval(d time.Duration) Option {
	return func(o *server.Options) { o.SyncInterval = d }
}

// Unsynced acknowledges before a message is on disk, for tests that write hundreds of messages and claim nothing about
// what a machine leaves behind. A server that is stopped and started again still has everything.
func Unsynced() Option {
	return func(o *server.Options) { o.SyncAlways = false }
}

// Server is one nats-server with JetStream in the test's own process. It is safe for concurrent use.
type Server struct {
	opts  *server.Options
	diary *diary

	mu  sync.RWMutex
	run *server.Server
}

// Start starts a server with an empty store in t.TempDir and stops it when the test ends. Streams on it have one
// replica.
func Start(t testing.TB, options ...Option) *Server {
	t.Helper()
	opts := alone(filepath.Join(t.TempDir(), "log"))
	for _, option := range options {
		option(opts)
	}
	if !opts.DontListen {
		opts.Port = freePorts(t, 1)[0]
	}
	s := &Server{opts: opts, diary: keepDiary(t)}
	s.start(t)
	t.Cleanup(s.Close)
	return s
}

// alone configures one server without a port over a store.
func alone(storeDir string) *server.Options {
	opts := &server.Options{
		ServerName:        "streamtest",
		DontListen:        true,
		JetStream:         true,
		StoreDir:          storeDir,
		SyncAlways:        true,
		JetStreamMaxStore: 256 << 30,
		// Memory streams hold leases; the default would be three quarters of the machine.
		JetStreamMaxMemory: 256 << 20,
		NoSigs:             true,
	}
	opts.JetStreamLimits.DefaultMaxConsumers = 2000
	return opts
}

// Conn connects to the server inside the process and closes the connection when the test ends. The connection survives
// [Server.Restart]: it reconnects by itself.
func (s *Server) Conn(t testing.TB) *nats.Conn {
	t.Helper()
	return connect(t, "", nats.InProcessServer(s))
}

// InProcessConn makes the server reachable without a port: [nats.InProcessServer] takes it. It always leads to the
// server that runs now, so connections find their way after a restart.
func (s *Server) InProcessConn() (net.Conn, error) {
	s.mu.RLock()
	run := s.run
	s.mu.RUnlock()
	if run == nil {
		return nil, nats.ErrNoServers
	}
	return run.InProcessConn()
}

// URL is where a server started with [Listening] accepts connections, the same over restarts. Empty without a port.
func (s *Server) URL() string {
	if s.opts.DontListen {
		return ""
	}
	return natsURL(s.opts.Port)
}

// StoreDir is the directory that holds the streams.
func (s *Server) StoreDir() string { return s.opts.StoreDir }

// Restart stops the server and starts it again over the same store. Consumers held in memory and subscriptions of the
// old server are gone, as after any restart.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Close()
	s.start(t)
}

// Close stops the server and waits until it has let go of its files. Calling it again does nothing.
func (s *Server) Close() {
	s.mu.Lock()
	run := s.run
	s.run = nil
	s.mu.Unlock()
	stop(run)
}

func (s *Server) start(t testing.TB) {
	t.Helper()
	run := boot(t, s.opts.Clone(), s.diary)
	s.mu.Lock()
	s.run = run
	s.mu.Unlock()
}

func boot(t testing.TB, opts *server.Options, diary *diary) *server.Server {
	t.Helper()
	run, err := launch(opts, diary)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// launch starts a server and waits until it accepts connections.
func launch(opts *server.Options, diary *diary) (*server.Server, error) {
	run, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("streamtest: %w", err)
	}
	run.SetLoggerV2(diary, false, false, false)
	run.Start()
	if !run.ReadyForConnections(readyTimeout) {
		stop(run)
		return nil, fmt.Errorf("streamtest: server %s was not ready within %v", opts.ServerName, readyTimeout)
	}
	return run, nil
}

func stop(run *server.Server) {
	if run != nil {
		run.Shutdown()
		run.WaitForShutdown()
	}
}

func connect(t testing.TB, url string, more ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := dial(url, append(more, nats.Name(t.Name()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// dial waits for the first connection and never gives up reconnecting, as production does.
func dial(url string, more ...nats.Option) (*nats.Conn, error) {
	nc, err := nats.Connect(url, append([]nats.Option{
		nats.MaxReconnects(-1),
		nats.ReconnectWait(20 * time.Millisecond),
		nats.ReconnectJitter(5*time.Millisecond, 5*time.Millisecond),
		nats.Timeout(10 * time.Second),
	}, more...)...)
	if err != nil {
		return nil, fmt.Errorf("streamtest: connect: %w", err)
	}
	return nc, nil
}
