package follow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/telemetry"
	"github.com/kikigaki/kikigaki/pkg/view"
)

// Apply changes the view for one message. Its result must depend on the messages alone and be the same for every
// interleaving of several streams; an error stops the follower, since going on would leave a hole.
type Apply func(tx *view.Tx, m stream.Message) error

// Config says what is followed and where it goes.
type Config struct {
	// Log that is followed.
	Log *stream.Log
	// Path of the view's file, Buckets in it, and Format, to be changed whenever what lies in them changes its meaning.
	Path    string
	Buckets []string
	Format  string
	// Streams that are followed, by name.
	Streams []string
	// Apply changes the view for one message.
	Apply Apply
	// Applied, if set, is called after a batch of one stream is in the view, in the stream's order. It must not block.
	Applied func([]stream.Message)
	// Linger, by stream, is how long a message may wait for others to go into the view with it, in one transaction. Whoever
	// waits for it ([Follower.WaitPosition], [Follower.Commit]) ends that, so that only those who do not ask see it later.
	Linger map[string]time.Duration
	// Explains, if set, tells why a remembered message may be missing on the log, besides a newer one of its subject.
	Explains func(tx *view.Tx, stream string, s view.Seen) bool
	// Tombstones, if set, says where those would lie that tell why a message of a subject was removed. A remembered message
	// is missed no more once one of them is there: behind it, where it lies in the same stream.
	Tombstones func(stream, subject string) []stream.Guard
	// Logger; nil discards.
	Logger *slog.Logger
	// Telemetry measures how far the view is behind; the zero value does not.
	Telemetry telemetry.Scope
}

// Follower owns a view and keeps it in step. Use it after Start has returned.
type Follower struct {
	cfg     Config
	log     *slog.Logger
	view    *view.View
	sources map[string]*source
	names   []string // of them, sorted, as positions are
	meters  meters
	// forgotten says that a batch may have removed something for good.
	forgotten chan struct{}

	cancel     context.CancelFunc
	unmeasured func() // ends the gauges
	done       sync.WaitGroup
}

// New makes a follower that has not started.
func New(cfg Config) *Follower {
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	f := &Follower{cfg: cfg, log: log, meters: newMeters(cfg.Telemetry), forgotten: make(chan struct{}, 1)}
	if err := f.meters.make.Err(); err != nil {
		log.Error("following is not measured", "error", err)
	}
	return f
}

// Start opens the view, checks it against the log, makes it anew if it does not fit, and begins to follow. It returns
// before the view has caught up; Ready tells when it has. While the log cannot answer it waits, until the context ends. The
// error is that of a file that cannot be opened, of a stream that is not there, or the context's; nothing runs then.
// Following outlives the context.
func (f *Follower) Start(ctx context.Context) error {
	if err := f.open(ctx); err != nil {
		return err
	}
	var infos map[string]stream.Info
	var reason string
	err := f.insist(ctx, func() (err error) { infos, reason, err = f.check(ctx); return err })
	if err != nil {
		return errors.Join(err, f.view.Close())
	}
	if reason != "" {
		if err := f.rebuild(ctx, reason); err != nil {
			return err
		}
	}
	return f.begin(ctx, infos)
}

func (f *Follower) begin(ctx context.Context, infos map[string]stream.Info) error {
	run, cancel := context.WithCancel(context.WithoutCancel(ctx)) // following outlives the start
	f.cancel = cancel
	f.sources, f.names = map[string]*source{}, slices.Sorted(slices.Values(f.cfg.Streams))
	for _, name := range f.cfg.Streams {
		s, err := f.newSource(ctx, name, infos[name])
		if err != nil {
			cancel()
			return errors.Join(err, f.view.Close())
		}
		f.sources[name] = s
	}
	f.unmeasured = f.meters.watch(f.sources)
	f.done.Go(func() { f.scrub(run) })
	for _, s := range f.sources {
		f.done.Go(func() { s.read(run) })
		f.done.Go(func() { s.apply(run) })
	}
	return nil
}

func (f *Follower) viewConfig() view.Config {
	return view.Config{Path: f.cfg.Path, Buckets: f.cfg.Buckets, Format: f.cfg.Format}
}

func (f *Follower) open(ctx context.Context) (err error) {
	f.view, err = view.Open(f.viewConfig())
	if errors.Is(err, view.ErrUseless) {
		f.log.WarnContext(ctx, "the view cannot be used and is made anew", "path", f.cfg.Path, "reason", err)
		f.meters.rebuilds.Add(ctx, 1)
		if err := putAside(f.cfg.Path); err != nil {
			return err
		}
		f.view, err = view.Open(f.viewConfig())
	}
	return err
}

// rebuild puts the view aside and opens an empty one. The old file is renamed, not deleted: where the log has lost
// something it may be the only copy.
func (f *Follower) rebuild(ctx context.Context, reason string) error {
	f.log.ErrorContext(ctx, "the view does not fit the log and is made anew", "path", f.cfg.Path, "reason", reason)
	f.meters.rebuilds.Add(ctx, 1)
	if err := f.view.Close(); err != nil {
		return err
	}
	if err := putAside(f.cfg.Path); err != nil {
		return err
	}
	var err error
	f.view, err = view.Open(f.viewConfig())
	return err
}

// Stop ends following and closes the view: reads fail from then on. It is safe without Start and twice.
func (f *Follower) Stop(context.Context) error {
	if f.cancel == nil {
		return nil
	}
	f.cancel()
	f.cancel = nil
	f.unmeasured()
	f.done.Wait()
	return f.view.Close()
}

// Ready is nil once the view holds everything that was on the log when following began, and while nothing failed.
func (f *Follower) Ready(context.Context) error {
	for name, s := range f.sources {
		if err := s.state(); err != nil {
			return fmt.Errorf("following %s: %w", name, err)
		}
	}
	return nil
}

// Read looks at the view as it is.
func (f *Follower) Read(fn func(*view.Tx) error) error { return f.view.Read(fn) }

// View is the view itself, for its sums.
func (f *Follower) View() *view.View { return f.view }
