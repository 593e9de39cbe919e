package analysis

import (
	"context"
	"log/slog"
	"net/netip"
	"path/filepath"
	"sync"

	"google.golang.org/grpc"

	"github.com/kikigaki/kikigaki/pkg/follow"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/telemetry"
	analysisv1 "github.com/kikigaki/kikigaki/proto/kikigaki/analysis/v1"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	promptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/prompt/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/erasure"
	"github.com/kikigaki/kikigaki/services/internal/ids"
	"github.com/kikigaki/kikigaki/services/internal/llm"
)

// Name of the service: in logs, in events and to other services.
const Name = "analysis-worker"

// Config of one replica.
type Config struct {
	// Views is the folder of the view's file; what lies there may be deleted while the service is stopped.
	Views string
	// Allow are private addresses that providers may have; none by default.
	Allow []netip.Prefix
}

// Deps is what a replica works with.
type Deps struct {
	Log         *stream.Log
	Prompts     promptv1.PromptServiceClient
	Keys        keyv1.KeyServiceClient
	Transcripts transcriptv1.TranscriptServiceClient
	Logger      *slog.Logger
	// Telemetry observes the replica; the zero value does not.
	Telemetry telemetry.Scope
}

// Service is one replica of analysis-worker.
type Service struct {
	analysisv1.UnimplementedAnalysisServiceServer

	cfg      Config
	deps     Deps
	log      *slog.Logger
	follower *follow.Follower
	worker   string // the replica's name in leases and events
	tokens   *llm.Estimator
	secrets  *secrets
	usage    *usage
	windows  *windows
	meters   *meters
	pool     *pool
	eraser   *erasure.Sweeper
	// endErasing ends the eraser, which erasing waits for.
	endErasing context.CancelFunc
	erasing    sync.WaitGroup
}

// New makes a replica that has not started.
func New(cfg Config, deps Deps) *Service {
	deps.Log = deps.Log.For(deps.Telemetry)
	s := &Service{
		cfg: cfg, deps: deps, log: deps.Logger.With("service", Name),
		worker: ids.New("worker"), tokens: llm.NewEstimator(), secrets: newSecrets(), usage: newUsage(),
		windows: newWindows(),
		meters:  newMeters(deps.Telemetry),
	}
	if s.meters.err != nil {
		s.log.Error("not everything is measured", "error", s.meters.err)
	}
	s.pool = newPool(s)
	s.follower = follow.New(follow.Config{
		Log:       deps.Log,
		Path:      filepath.Join(cfg.Views, Name+".db"),
		Buckets:   []string{recordBucket, listBucket, callBucket, queueBucket, keyBucket, goneBucket},
		Format:    viewFormat,
		Streams:   []string{subject.Calls, subject.Keys},
		Apply:     apply,
		Applied:   s.applied,
		Logger:    s.log,
		Telemetry: deps.Telemetry,

		Tombstones: erasure.Tombstones,
	})
	s.eraser = s.newEraser()
	return s
}

// Register makes the replica answer on a gRPC server.
func (s *Service) Register(server grpc.ServiceRegistrar) {
	analysisv1.RegisterAnalysisServiceServer(server, s)
}

// Start begins to follow the log and to run what waits.
func (s *Service) Start(ctx context.Context) error {
	if err := s.follower.Start(ctx); err != nil {
		return err
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx)) // erasing outlives the start
	s.endErasing = cancel
	s.erasing.Go(func() { s.eraser.Run(run) })
	return s.pool.start() //nolint:contextcheck // running outlives the start
}

// Stop hands the leases back, waits for requests that are at the provider as long as the context allows, and ends
// following. What was not finished is gone on with by whoever takes the lanes over.
func (s *Service) Stop(ctx context.Context) error {
	if s.endErasing != nil {
		s.endErasing()
		s.erasing.Wait()
	}
	s.pool.stop(ctx)
	defer s.secrets.dropAll()
	return s.follower.Stop(ctx)
}

// Ready is nil once the view has caught up.
func (s *Service) Ready(ctx context.Context) error { return s.follower.Ready(ctx) }

// Follower is the replica's view and its position, for checks of equality.
func (s *Service) Follower() *follow.Follower { return s.follower }
