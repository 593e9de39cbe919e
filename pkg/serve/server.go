package serve

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"

	"github.com/kikigaki/kikigaki/pkg/telemetry"
)

// maxMessage is the largest gRPC message, in bytes: an hour of speech is well below 1 MiB.
const maxMessage = 16 << 20

// Config of a server.
type Config struct {
	// Logger; nil discards.
	Logger *slog.Logger
	// Unary and Stream are called around every call, behind the server's own interceptors, in this order.
	Unary  []grpc.UnaryServerInterceptor
	Stream []grpc.StreamServerInterceptor
	// MaxMessageBytes bounds a message in each direction; 0 is 16 MiB.
	MaxMessageBytes int
	// MaxConnectionAge is how long a connection is used before its client is asked, in the middle of nothing, to make a
	// new one: clients that spread their calls learn of new replicas then. Calls under way have a minute more; streams
	// that last longer are cut and come back. 0: for ever.
	MaxConnectionAge time.Duration
	// Telemetry makes spans and measurements of calls; the zero value makes none.
	Telemetry telemetry.Scope
}

// ageGrace is what calls under way have when their connection has reached its age.
const ageGrace = time.Minute

// cutTime is how long Stop still waits for calls that it has cut off: their handlers only have to notice.
const cutTime = time.Second

// Server is a gRPC server.
type Server struct {
	grpc   *grpc.Server
	health *health.Server
	limit  int // bytes of a message
	done   sync.WaitGroup

	mu    sync.Mutex
	local []*localListener
}

// New makes a server that does not listen yet.
func New(cfg Config) *Server {
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	a := around{log: log}
	s := &Server{health: health.NewServer(), limit: cmp.Or(cfg.MaxMessageBytes, maxMessage)}
	s.grpc = grpc.NewServer(
		grpc.MaxRecvMsgSize(s.limit), grpc.MaxSendMsgSize(s.limit),
		grpc.ChainUnaryInterceptor(append([]grpc.UnaryServerInterceptor{a.unary}, cfg.Unary...)...),
		grpc.ChainStreamInterceptor(append([]grpc.StreamServerInterceptor{a.stream}, cfg.Stream...)...),
		grpc.WaitForHandlers(true), traced(cfg.Telemetry),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: aliveEvery / 2}),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionAge: cfg.MaxConnectionAge, MaxConnectionAgeGrace: ageGrace,
			Time: aliveEvery, Timeout: aliveWithin,
		}),
	)
	healthv1.RegisterHealthServer(s.grpc, s.health)
	return s
}

// GRPC is where services register.
func (s *Server) GRPC() grpc.ServiceRegistrar { return s.grpc }

// Listen answers on a network address until Stop and returns the address it really has.
func (s *Server) Listen(ctx context.Context, address string) (net.Addr, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	s.serve(l)
	return l.Addr(), nil
}

func (s *Server) serve(l net.Listener) {
	s.done.Go(func() { _ = s.grpc.Serve(l) })
}

// Stop takes no more calls and waits for those under way until the context is done, then cuts them off: their contexts
// end. A handler that does not notice within a second is left behind, and the error says so; what it uses must not be
// taken from under it. Stop may be called again, and without Listen.
func (s *Server) Stop(ctx context.Context) error {
	s.health.Shutdown()
	stopped := make(chan struct{})
	go func() { s.grpc.GracefulStop(); close(stopped) }()
	select {
	case <-stopped:
	case <-ctx.Done():
		go s.grpc.Stop() // returns when the last handler does
		select {
		case <-stopped:
		case <-time.After(cutTime):
			return fmt.Errorf("serve: calls go on after they were cut off: %w", context.Cause(ctx))
		}
	}
	s.mu.Lock()
	for _, l := range s.local {
		_ = l.Close()
	}
	s.mu.Unlock()
	s.done.Wait()
	return nil
}
