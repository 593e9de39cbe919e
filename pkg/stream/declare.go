package stream

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// incarnationKey is where a stream's metadata says which incarnation it is.
const incarnationKey = "kikigaki-incarnation"

// Declaration is what a stream has to be like.
type Declaration struct {
	// Name of the stream.
	Name string
	// Description for people who look at the server.
	Description string
	// Subjects that it stores.
	Subjects []string
	// PerSubject is how many messages of a subject are kept, the newest; 0 keeps all.
	PerSubject int64
	// MaxAge of a message; 0 keeps them for ever.
	MaxAge time.Duration
	// MaxBytes of the stream, at least 1; a full stream refuses new messages instead of dropping old ones, but see Counters.
	MaxBytes int64
	// Memory keeps it in memory: it is gone with the server, and made anew, empty, by whoever misses it first.
	Memory bool
	// TTL lets a message say how long it lives ([Event].TTL).
	TTL bool
	// Batches lets several messages be written as one ([Log.AppendAll]).
	Batches bool
	// Counters makes each subject a counter that only [Log.Increment] changes; PerSubject is 1 unless it says more, which
	// lets that many increments of each be told from repetitions over a restart. The server does not let such a stream
	// refuse: a full one forgets the counter that was not touched for the longest, so MaxBytes must hold all there will
	// ever be, about 300 bytes each. For a new stream only.
	Counters bool
	// Permanent has the server refuse to delete or purge anything of it, whoever asks. It is never taken away again.
	Permanent bool
	// WorkQueue removes a message once its one consumer has acknowledged it ([Log.Consume]). For a new stream only.
	WorkQueue bool
}

// Declare creates the stream if it is missing and changes only what differs: an update without a difference has lost
// messages in clusters. The incarnation of an existing stream is carried over, since an update replaces the metadata
// as a whole; a new stream gets a new one. Created tells whether the stream is new. What cannot be changed stays as it
// is: where a stream lies, in memory or not, whether it counts or is a work queue, and a limit per subject is never taken
// away again.
//
// The error is Unavailable while the servers cannot answer or are too few, after 20 s at most: ask again. [ErrNoRoom] may
// also come when several processes declare the same stream at once, which is allowed: ask again, too. Any other error is
// a declaration that the server refuses.
func (l *Log) Declare(ctx context.Context, d Declaration) (info Info, created bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 4*requestTimeout)
	defer cancel()
	if d.Memory {
		l.memory.Store(d.Name, d)
	}
	s, err := l.js.Stream(ctx, d.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return l.create(ctx, d)
	}
	if err != nil {
		return Info{}, false, unavailable("stream.declare", err)
	}
	have := s.CachedInfo().Config
	want := merge(have, l.config(d))
	if reflect.DeepEqual(have, want) {
		return infoOf(s.CachedInfo()), false, nil
	}
	if s, err = l.js.UpdateStream(ctx, want); err != nil {
		return Info{}, false, notDeclared("update", d.Name, err)
	}
	return infoOf(s.CachedInfo()), false, nil
}

func (l *Log) create(ctx context.Context, d Declaration) (Info, bool, error) {
	cfg := l.config(d)
	cfg.Metadata = map[string]string{incarnationKey: rand.Text()[:12]}
	s, err := l.js.CreateStream(ctx, cfg)
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another replica was first
		return l.Declare(ctx, d)
	}
	if err != nil {
		return Info{}, false, notDeclared("create", d.Name, err)
	}
	return infoOf(s.CachedInfo()), true, nil
}

// noRoom is the server's code for a stream whose limit does not fit into the system's. Two replicas that create the same
// stream at the same moment may be told so, too: both reservations are counted until one is given up.
const noRoom jetstream.ErrorCode = 10047

// ErrNoRoom says that the limits of all streams do not fit into the system's storage.
var ErrNoRoom = errors.New("stream: the system has no room for the stream")

// noPeers is the server's code for a cluster of which too few servers are there to keep a stream.
const noPeers jetstream.ErrorCode = 10005

// notDeclared is Unavailable when the system could not answer or has too few servers at the moment, so that asking
// again may help; any other refusal stays what it is.
func notDeclared(what, name string, err error) error {
	err = fmt.Errorf("%s %s: %w", what, name, err)
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == noRoom {
		return fmt.Errorf("%w: %w", ErrNoRoom, err)
	}
	if !errors.As(err, &api) || api.Code == http.StatusServiceUnavailable || api.ErrorCode == noPeers {
		return unavailable("stream.declare", err)
	}
	return fmt.Errorf("stream: %w", err)
}

func (l *Log) config(d Declaration) jetstream.StreamConfig {
	cfg := jetstream.StreamConfig{
		Name:              d.Name,
		Description:       d.Description,
		Subjects:          slices.Clone(d.Subjects),
		Retention:         jetstream.LimitsPolicy,
		Discard:           jetstream.DiscardNew,
		MaxMsgsPerSubject: d.PerSubject,
		MaxAge:            d.MaxAge,
		MaxBytes:          d.MaxBytes,
		Storage:           jetstream.FileStorage,
		Replicas:          l.replicas,
		AllowMsgTTL:       d.TTL,

		AllowAtomicPublish: d.Batches,
		AllowMsgCounter:    d.Counters,

		DenyDelete: d.Permanent,
		DenyPurge:  d.Permanent,
	}
	if d.WorkQueue {
		cfg.Retention = jetstream.WorkQueuePolicy
	}
	if d.Counters {
		cfg.MaxMsgsPerSubject, cfg.Discard = max(1, d.PerSubject), jetstream.DiscardOld
	}
	if d.Memory {
		cfg.Storage = jetstream.MemoryStorage
	}
	return cfg
}

// merge lays what is declared over what the server has, which also holds its own defaults. A per-subject limit can
// only work with old messages dropped, so that discard-new is then the server's business for the whole stream alone.
func merge(have, want jetstream.StreamConfig) jetstream.StreamConfig {
	out := have
	out.Description, out.Subjects = want.Description, want.Subjects
	out.Discard, out.MaxAge, out.MaxBytes = want.Discard, want.MaxAge, want.MaxBytes
	out.Replicas, out.AllowMsgTTL, out.AllowAtomicPublish = want.Replicas, want.AllowMsgTTL, want.AllowAtomicPublish
	if want.MaxMsgsPerSubject > 0 {
		out.MaxMsgsPerSubject = want.MaxMsgsPerSubject
	}
	out.DenyDelete, out.DenyPurge = have.DenyDelete || want.DenyDelete, have.DenyPurge || want.DenyPurge
	out.Metadata = maps.Clone(have.Metadata)
	if out.Metadata == nil {
		out.Metadata = map[string]string{}
	}
	if out.Metadata[incarnationKey] == "" {
		out.Metadata[incarnationKey] = rand.Text()[:12]
	}
	return out
}
