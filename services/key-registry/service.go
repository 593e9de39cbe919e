package keys

import (
	"context"
	"log/slog"
	"net/netip"
	"path/filepath"

	"google.golang.org/grpc"

	"github.com/kikigaki/kikigaki/pkg/follow"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/telemetry"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/models"
	"github.com/kikigaki/kikigaki/services/internal/seal"
)

// Name of the service: in logs, in events and to other services.
const Name = "key-registry"

// DefaultBaseURL is where a key is used that names no place of its own.
const DefaultBaseURL = "https://api.openai.com/v1"

// Config of one replica.
type Config struct {
	// Views is the folder of the view's file; what lies there may be deleted while the service is stopped.
	Views string
	// MasterKeyFile holds the key that seals secrets; it is made when there is none.
	MasterKeyFile string
	// MasterKeyGiven says that the file has to be there: replicas share one key, and a replica that made its own could not
	// open what the others have sealed.
	MasterKeyGiven bool
	// OtherMasterKeyFiles are master keys that open what they have sealed, and seal nothing: those that give way to another,
	// and one that all replicas must know before the first of them seals with it.
	OtherMasterKeyFiles []string
	// DefaultBaseURL of keys that name none; empty means OpenAI's own.
	DefaultBaseURL string
	// Allow are private addresses that providers may have; none by default.
	Allow []netip.Prefix
	// ModelsFile takes the place of the data file about models that is shipped; empty: the shipped one.
	ModelsFile string
}

// Deps is what a replica works with.
type Deps struct {
	Log    *stream.Log
	Logger *slog.Logger
	// Telemetry observes the replica; the zero value does not.
	Telemetry telemetry.Scope
}

// Service is one replica of key-registry.
type Service struct {
	keyv1.UnimplementedKeyServiceServer

	cfg      Config
	log      *slog.Logger
	facts    *stream.Log
	recheck  chan owned // keys that somebody has had trouble with
	sealer   *seal.Sealer
	models   *models.Table
	follower *follow.Follower
	upkeep   *upkeep

	scope      telemetry.Scope
	unmeasured func() // ends what is measured; nil before the start
}

// New makes a replica that has not started; it fails without a usable master key or data file.
func New(cfg Config, deps Deps) (*Service, error) {
	deps.Log = deps.Log.For(deps.Telemetry)
	cfg.DefaultBaseURL = firstOf(cfg.DefaultBaseURL, DefaultBaseURL)
	sealer, err := newSealer(cfg)
	if err != nil {
		return nil, err
	}
	table, err := models.Load(cfg.ModelsFile)
	if err != nil {
		return nil, err
	}
	s := &Service{
		cfg: cfg, sealer: sealer, models: table, log: deps.Logger.With("service", Name), facts: deps.Log,
		recheck: make(chan owned, maxRecheck), scope: deps.Telemetry,
		follower: follow.New(follow.Config{
			Log:       deps.Log,
			Path:      filepath.Join(cfg.Views, Name+".db"),
			Buckets:   []string{keyBucket, promptBucket, changeBucket, recordBucket},
			Format:    viewFormat,
			Streams:   []string{subject.Keys, subject.Prompts, subject.Audit},
			Apply:     apply,
			Logger:    deps.Logger.With("service", Name),
			Telemetry: deps.Telemetry,
		}),
	}
	s.upkeep = s.newUpkeep()
	return s, nil
}

// newSealer reads the master keys.
func newSealer(cfg Config) (*seal.Sealer, error) {
	load := seal.LoadOrCreate
	if cfg.MasterKeyGiven {
		load = seal.Load
	}
	sealer, err := load(cfg.MasterKeyFile)
	if err != nil {
		return nil, err
	}
	for _, file := range cfg.OtherMasterKeyFiles {
		other, err := seal.Load(file)
		if err != nil {
			return nil, err
		}
		sealer = sealer.With(other)
	}
	return sealer, nil
}

// Register makes the replica answer on a gRPC server.
func (s *Service) Register(server grpc.ServiceRegistrar) { keyv1.RegisterKeyServiceServer(server, s) }

// Start begins to follow the log, and to look after what it keeps.
func (s *Service) Start(ctx context.Context) error {
	if err := s.follower.Start(ctx); err != nil {
		return err
	}
	s.measure(ctx)
	s.upkeep.start(ctx)
	return nil
}

// Stop ends following; requests must have ended.
func (s *Service) Stop(ctx context.Context) error {
	if s.unmeasured != nil {
		s.unmeasured()
	}
	s.upkeep.stop()
	return s.follower.Stop(ctx)
}

// Ready is nil once the view has caught up.
func (s *Service) Ready(ctx context.Context) error { return s.follower.Ready(ctx) }

// Follower is the replica's view and its position, for checks of equality.
func (s *Service) Follower() *follow.Follower { return s.follower }
