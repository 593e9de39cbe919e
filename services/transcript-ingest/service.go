package ingest

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"

	"github.com/kikigaki/kikigaki/pkg/follow"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/telemetry"
	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/erasure"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// Name of the service: in logs, in events and to other services.
const Name = "transcript-ingest"

// Config of one replica.
type Config struct {
	// Views is the folder of the view's file; what lies there may be deleted while the service is stopped.
	Views string
	// IdleAfter is how long nothing may be heard of a call before it is ended; 0 means 30 minutes.
	IdleAfter time.Duration
	// VoiceLogErrors writes the errors of the compatible transcript API; nil is [NestedError].
	VoiceLogErrors ErrorEncoder
}

// Deps is what a replica works with.
type Deps struct {
	// Log holds the three streams, settings and meters, which must have been declared.
	Log *stream.Log
	// Access knows which account an agent's id or login is.
	Access accessv1.AccessServiceClient
	// Resolve tells again who a caller from outside is, for streams that outlast one answer; nil: there are none.
	Resolve identity.Resolve
	// Room is nil while the log's disk has room for what comes in; nil stands for one that always has.
	Room   func() error
	Logger *slog.Logger
	// Telemetry observes the replica; the zero value does not.
	Telemetry telemetry.Scope
}

// Service is one replica of transcript-ingest. It serves gRPC ([Service.Register]) and HTTP ([Service.Mount]).
type Service struct {
	transcriptv1.UnimplementedTranscriptServiceServer

	log      *slog.Logger
	facts    *stream.Log
	accounts accessv1.AccessServiceClient
	follower *follow.Follower
	dead     *follow.Follower
	group    *follow.Group[*appending]
	meters   meters
	space    func() error
	reach    reach
	pace     pace
	watches  *watches
	hinting  *hinting
	resolve  identity.Resolve
	recheck  time.Duration       // between two questions whether a stream may go on
	maxPart  int                 // bytes, of a part that a fold makes
	room     *semaphore.Weighted // bytes, that streams have read and not acknowledged
	stopping chan struct{}
	drain    sync.Once
	// idleAfter is Config.IdleAfter.
	idleAfter time.Duration

	eraser      *erasure.Sweeper
	encodeError ErrorEncoder
	bursts      *bursts
	settings    decodedSettings
	quota       *quota
	buffers     sync.Pool // of *[]byte, for answers of the compatible API

	cancel   context.CancelFunc
	sweeping sync.WaitGroup
}

// New makes a replica that has not started.
func New(cfg Config, deps Deps) *Service {
	deps.Log = deps.Log.For(deps.Telemetry)
	log := deps.Logger.With("service", Name)
	if cfg.VoiceLogErrors == nil {
		cfg.VoiceLogErrors = NestedError
	}
	measured := newMeters(deps.Telemetry)
	if measured.err != nil {
		log.Error("not everything is measured", "error", measured.err)
	}
	var s *Service
	s = &Service{
		log: log, facts: deps.Log, accounts: deps.Access, maxPart: maxPart, meters: measured, resolve: deps.Resolve, reach: usualReach(),
		pace: usualPace(), watches: &watches{most: maxWatches}, hinting: newHinting(),
		recheck: recheckEvery, room: semaphore.NewWeighted(allStreamsRoom), stopping: make(chan struct{}),
		idleAfter:   cmp.Or(cfg.IdleAfter, idleAfter),
		encodeError: cfg.VoiceLogErrors, bursts: newBursts(maxBursts), quota: newQuota(deps.Log, log),
		buffers: sync.Pool{New: func() any { return new([]byte) }},
		follower: follow.New(follow.Config{
			Log:       deps.Log,
			Path:      filepath.Join(cfg.Views, Name+".db"),
			Buckets:   buckets(),
			Format:    viewFormat,
			Streams:   []string{subject.Calls, subject.Live, subject.Transcripts, subject.Settings},
			Linger:    map[string]time.Duration{subject.Live: wordsLinger},
			Apply:     apply,
			Applied:   func(batch []stream.Message) { s.applied(batch) },
			Logger:    log,
			Telemetry: deps.Telemetry,

			Tombstones: erasure.Tombstones,
		}),
	}
	s.group = s.newGroup(s.follower)
	if s.space = deps.Room; s.space == nil {
		s.space = func() error { return nil }
	}
	s.eraser = s.newEraser()
	s.dead = newDeadFollower(cfg, deps)
	return s
}

// Register makes the replica answer on a gRPC server.
func (s *Service) Register(server grpc.ServiceRegistrar) {
	transcriptv1.RegisterTranscriptServiceServer(server, s)
}

// Start begins to follow the log, to finish folds that a crash has left, and to end calls that nobody ends.
func (s *Service) Start(ctx context.Context) error {
	if err := s.follower.Start(ctx); err != nil {
		return err
	}
	if err := s.dead.Start(ctx); err != nil {
		return errors.Join(err, s.follower.Stop(ctx))
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx)) // sweeping outlives the start
	s.cancel = cancel
	s.sweeping.Go(func() { s.sweep(run) })
	s.sweeping.Go(func() { s.idle(run) })
	s.sweeping.Go(func() { s.eraser.Run(run) })
	s.sweeping.Go(func() { s.retain(run) })
	s.sweeping.Go(func() { s.group.Run(run) })
	s.sweeping.Go(func() { s.consume(run) })
	s.sweeping.Go(func() { s.hint(run) })
	return nil
}

// Drain ends the streams that are open, after what they have in hand, and those that are opened later. A server that
// waits for its calls to end has to call it first, or it waits for ever. It is safe twice.
func (s *Service) Drain() { s.drain.Do(func() { close(s.stopping) }) }

// Stop ends counting, sweeping, streams of words and following. Requests that are still under way fail and may be sent
// again.
func (s *Service) Stop(ctx context.Context) error {
	s.Drain()
	s.watches.left(ctx)
	s.quota.close(ctx)
	if s.cancel != nil {
		s.cancel()
		s.sweeping.Wait()
	}
	return errors.Join(s.dead.Stop(ctx), s.follower.Stop(ctx))
}

// Ready is nil once the views have caught up.
func (s *Service) Ready(ctx context.Context) error {
	return errors.Join(s.follower.Ready(ctx), s.dead.Ready(ctx))
}

// Follower is the replica's view and its position, for checks of equality.
func (s *Service) Follower() *follow.Follower { return s.follower }
