package access

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"

	"google.golang.org/grpc"

	"github.com/kikigaki/kikigaki/pkg/follow"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/telemetry"
	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// Name of the service: in logs, in events and to other services.
const Name = "access"

// Config of one replica.
type Config struct {
	// Views is the folder of the view's file; what lies there may be deleted while the service is stopped. It holds
	// hashes of passwords, so it is nobody else's to read.
	Views string
}

// Deps is what a replica works with.
type Deps struct {
	Log *stream.Log
	// Signer signs the statements of who is calling, as issuer "access".
	Signer *identity.Signer
	Logger *slog.Logger
	// Telemetry observes the replica; the zero value does not.
	Telemetry telemetry.Scope
}

// Service is one replica of access.
type Service struct {
	accessv1.UnimplementedAccessServiceServer

	follower *follow.Follower
	facts    *stream.Log
	signer   *identity.Signer
	log      *slog.Logger

	hasher   *hasher
	throttle *throttle
	newest   map[string]*catchUp // by noun, for callers that nobody knows yet

	cancel   context.CancelFunc
	sweeping sync.WaitGroup
}

// New makes a replica that has not started.
func New(cfg Config, deps Deps) *Service {
	deps.Log = deps.Log.For(deps.Telemetry)
	log := deps.Logger.With("service", Name)
	s := &Service{
		facts: deps.Log, signer: deps.Signer, log: log,
		hasher: newHasher(usualCost()), throttle: newThrottle(), newest: map[string]*catchUp{},
		follower: follow.New(follow.Config{
			Log:       deps.Log,
			Path:      filepath.Join(cfg.Views, Name+".db"),
			Buckets:   buckets(),
			Format:    viewFormat,
			Streams:   []string{subject.Access},
			Apply:     apply,
			Explains:  explains,
			Logger:    log,
			Telemetry: deps.Telemetry,
		}),
	}
	for _, noun := range []string{subject.NounAccount, subject.NounToken, subject.NounLogin} {
		s.newest[noun] = newCatchUp(func(ctx context.Context) error { return s.upTo(ctx, noun) })
	}
	return s
}

// upTo brings the view up to everything of a noun that the leader has.
func (s *Service) upTo(ctx context.Context, noun string) error {
	return s.follower.Newest(ctx, stream.NewGuard(subject.Access, subject.All(noun)))
}

// Register makes the replica answer on a gRPC server.
func (s *Service) Register(server grpc.ServiceRegistrar) {
	accessv1.RegisterAccessServiceServer(server, s)
}

// Start begins to follow the log and to end what has outlived its time.
func (s *Service) Start(ctx context.Context) error {
	if err := s.follower.Start(ctx); err != nil {
		return err
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	s.sweeping.Go(func() { s.sweepForever(run) })
	return nil
}

// Stop ends following; requests must have ended. It is safe without Start and twice.
func (s *Service) Stop(ctx context.Context) error {
	if s.cancel != nil {
		s.cancel()
	}
	s.sweeping.Wait()
	return s.follower.Stop(ctx)
}

// Ready is nil once the view has caught up.
func (s *Service) Ready(ctx context.Context) error { return s.follower.Ready(ctx) }

// Follower is the replica's view and its position, for checks of equality.
func (s *Service) Follower() *follow.Follower { return s.follower }
