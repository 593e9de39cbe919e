package notify

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/follow"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/telemetry"
	"github.com/kikigaki/kikigaki/pkg/view"
	notificationv1 "github.com/kikigaki/kikigaki/proto/kikigaki/notification/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/erasure"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// Name of the service: in logs, in events and to other services.
const Name = "notification"

// leaveTime is how long Stop waits for open streams to end. They end at once but for one whose client does not read.
const leaveTime = time.Second

// Config of one replica.
type Config struct {
	// Views is the folder of the view's file; what lies there may be deleted while the service is stopped.
	Views string
}

// Deps is what a replica works with.
type Deps struct {
	Log    *stream.Log
	Logger *slog.Logger
	// Resolve looks up who a token belongs to, for the checks of gRPC streams that are open; nil where all callers are
	// services that bring statements.
	Resolve identity.Resolve
	// Telemetry observes the replica; the zero value does not.
	Telemetry telemetry.Scope
}

// Service is one replica of notification.
type Service struct {
	notificationv1.UnimplementedNotificationServiceServer

	history  *stream.Log
	log      *slog.Logger
	resolve  identity.Resolve
	follower *follow.Follower
	meters   *meters
	ring     *ring
	pace     pace
	always   chan struct{} // closed from the start

	mu       sync.Mutex
	stopped  bool
	stopping chan struct{} // closed when streams have to end
	streams  sync.WaitGroup
}

// New makes a replica that has not started.
func New(cfg Config, deps Deps) *Service {
	deps.Log = deps.Log.For(deps.Telemetry)
	s := &Service{
		history: deps.Log, resolve: deps.Resolve, log: deps.Logger.With("service", Name),
		meters: newMeters(deps.Telemetry), ring: newRing(ringSize), pace: usualPace(),
		always: make(chan struct{}), stopping: make(chan struct{}),
	}
	close(s.always)
	if s.meters.err != nil {
		s.log.Error("not everything is measured", "error", s.meters.err)
	}
	s.follower = follow.New(follow.Config{
		Log:       deps.Log,
		Path:      filepath.Join(cfg.Views, Name+".db"),
		Buckets:   buckets(),
		Format:    viewFormat,
		Streams:   []string{subject.Calls, subject.Seen},
		Apply:     apply,
		Applied:   s.applied,
		Logger:    s.log,
		Telemetry: deps.Telemetry,

		Tombstones: erasure.Tombstones,
	})
	return s
}

// Register makes the replica answer on a gRPC server.
func (s *Service) Register(server grpc.ServiceRegistrar) {
	notificationv1.RegisterNotificationServiceServer(server, s)
}

// Start begins to follow the log.
func (s *Service) Start(ctx context.Context) error { return s.follower.Start(ctx) }

// Drain ends all open streams and takes no new ones, so that their clients go on elsewhere. A server that waits for
// its requests to end has to call it first, or it waits for ever. It is safe twice.
func (s *Service) Drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped {
		s.stopped = true
		close(s.stopping)
	}
}

// Stop ends all open streams, waiting at most a second for them, and then following. Other requests must have ended.
func (s *Service) Stop(ctx context.Context) error {
	s.Drain()
	left := make(chan struct{})
	go func() { s.streams.Wait(); close(left) }()
	select {
	case <-left:
	case <-ctx.Done():
	case <-time.After(leaveTime):
	}
	s.meters.unmeasured()
	return s.follower.Stop(ctx)
}

// Ready is nil once the view has caught up.
func (s *Service) Ready(ctx context.Context) error { return s.follower.Ready(ctx) }

// Follower is the replica's view and its position, for checks of equality.
func (s *Service) Follower() *follow.Follower { return s.follower }

// enter counts a stream in, and leave out again; Unavailable while the view has not caught up or the replica stops.
func (s *Service) enter(ctx context.Context) (leave func(), err error) {
	if err := s.follower.Ready(ctx); err != nil {
		return nil, notNow(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil, notNow(errOver)
	}
	s.streams.Add(1)
	return s.streams.Done, nil
}

func notNow(err error) error {
	return fault.New(fault.Unavailable, "UNAVAILABLE", fault.Wrapping(err), fault.RetryIn(time.Second))
}

// read looks at the view.
func (s *Service) read(fn func(reader) error) error {
	incarnation := s.incarnation()
	return s.follower.Read(func(tx *view.Tx) error { return fn(reader{tx: tx, incarnation: incarnation}) })
}

// incarnation is that of the history of calls that the replica follows.
func (s *Service) incarnation() string {
	for _, m := range s.follower.Position() {
		if m.Stream == subject.Calls {
			return m.Incarnation
		}
	}
	return ""
}
