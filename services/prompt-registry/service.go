package prompts

import (
	"context"
	"log/slog"
	"path/filepath"

	"google.golang.org/grpc"

	"github.com/kikigaki/kikigaki/pkg/follow"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/telemetry"
	promptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/prompt/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/catalogue"
)

// Name of the service: in logs, in events and to other services.
const Name = "prompt-registry"

// Config of one replica.
type Config struct {
	// Views is the folder of the view's file; what lies there may be deleted while the service is stopped.
	Views string
}

// Deps is what a replica works with.
type Deps struct {
	Log       *stream.Log
	Catalogue *catalogue.Catalogue
	Logger    *slog.Logger
	// Telemetry observes the replica; the zero value does not.
	Telemetry telemetry.Scope
}

// Service is one replica of prompt-registry.
type Service struct {
	promptv1.UnimplementedPromptServiceServer

	follower *follow.Follower
	texts    *catalogue.Catalogue
}

// New makes a replica that has not started.
func New(cfg Config, deps Deps) *Service {
	deps.Log = deps.Log.For(deps.Telemetry)
	return &Service{
		texts: deps.Catalogue,
		follower: follow.New(follow.Config{
			Log:       deps.Log,
			Path:      filepath.Join(cfg.Views, Name+".db"),
			Buckets:   []string{promptBucket, revisionBucket, orderBucket, keyBucket},
			Format:    viewFormat,
			Streams:   []string{subject.Prompts, subject.Keys},
			Apply:     apply,
			Logger:    deps.Logger.With("service", Name),
			Telemetry: deps.Telemetry,
		}),
	}
}

// Register makes the replica answer on a gRPC server.
func (s *Service) Register(server grpc.ServiceRegistrar) {
	promptv1.RegisterPromptServiceServer(server, s)
}

// Start begins to follow the log.
func (s *Service) Start(ctx context.Context) error { return s.follower.Start(ctx) }

// Stop ends following; requests must have ended.
func (s *Service) Stop(ctx context.Context) error { return s.follower.Stop(ctx) }

// Ready is nil once the view has caught up.
func (s *Service) Ready(ctx context.Context) error { return s.follower.Ready(ctx) }

// Follower is the replica's view and its position, for checks of equality.
func (s *Service) Follower() *follow.Follower { return s.follower }
