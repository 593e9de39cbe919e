package ingest

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

const (
	// maxWatches is how many streams of words a replica has open.
	maxWatches = 1000
	// leaveTime is how long Stop waits for open streams to end. They end at once but for one whose client does not read.
	leaveTime = time.Second
	// maxTold and maxToldBytes bound what is told at once: entries, and bytes of text.
	maxTold      = 200
	maxToldBytes = 256 << 10
)

// errOver says that a stream has ended as streams do: the client left, or the replica stops.
var errOver = errors.New("ingest: the stream is over")

// pace is the timing of streams of words.
type pace struct {
	// look is how often a stream looks for words that no hint told of, check how often it has to show again that it is
	// authorised; beats is how many checks it may be silent before it shows that it is alive.
	look, check time.Duration
	beats       int
	// write is how long a client may take for what is written to it at once before it is cut.
	write time.Duration
}

func usualPace() pace {
	return pace{look: 2 * time.Second, check: 5 * time.Second, beats: 3, write: 10 * time.Second}
}

// watches are the streams of words that are open.
type watches struct {
	mu      sync.Mutex
	most, n int
	open    sync.WaitGroup
}

// watching counts a stream in, and leave out again; Unavailable where there are too many, or the replica stops.
func (s *Service) watching() (leave func(), err error) {
	select {
	case <-s.stopping:
		return nil, notNow("stopping")
	default:
	}
	w := s.watches
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n >= w.most {
		return nil, notNow("too_many")
	}
	w.n++
	w.open.Add(1)
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.n--
		w.open.Done()
	}, nil
}

// left waits, a moment, until all streams of words have ended.
func (w *watches) left(ctx context.Context) {
	left := make(chan struct{})
	go func() { w.open.Wait(); close(left) }()
	select {
	case <-left:
	case <-ctx.Done():
	case <-time.After(leaveTime):
	}
}

// reader is where a stream of words leaves the process. An error of any of its methods ends the stream.
type reader interface {
	// words tells what came behind a revision, and to which revision it goes.
	words(revision uint32, list []told) error
	// ended tells that nothing more will come.
	ended(revision uint32, at time.Time) error
	// beat shows that the stream is alive.
	beat() error
	// check asks again whether the stream is authorised.
	check(ctx context.Context) error
}

// told is an entry on its way to a reader.
type told struct {
	entry      *eventv1.Entry
	correction bool
}

// watch tells a reader what is said in a call behind a revision, until the call has ended and all of it is told (nil),
// the client leaves or the replica stops (errOver), or the reader is too slow or no longer authorised. What it tells it
// reads from the view; hints only say when to look, and where none comes it looks by itself.
func (s *Service) watch(ctx context.Context, r ref, sent uint32, to reader) error {
	ctx, cancel := context.WithCancel(ctx)
	woken := make(chan string, 1)
	var hearing sync.WaitGroup
	hearing.Go(func() { s.hints(ctx, r, woken) })
	defer hearing.Wait()
	defer cancel()
	look, check := time.NewTicker(s.pace.look), time.NewTicker(s.pace.check)
	defer look.Stop()
	defer check.Stop()
	life := life{pace: s.pace, to: to, allowed: time.Now()}
	for {
		before := sent
		over, err := s.tell(ctx, r, &sent, to)
		if err != nil || over {
			return err
		}
		if sent > before {
			life.silent = 0
		}
		select {
		case position := <-woken:
			_ = s.follower.WaitPosition(ctx, position) // a view that is not there in time is looked at again
		case <-look.C:
		case now := <-check.C:
			if err := life.tick(ctx, now); err != nil {
				return err
			}
		case <-ctx.Done():
			return errOver
		case <-s.stopping:
			return errOver
		}
	}
}

// life keeps a stream alive and honest while it waits.
type life struct {
	pace pace
	to   reader
	// allowed is when the stream was last known to be authorised, silent the number of checks since it was told anything.
	allowed time.Time
	silent  int
}

// tick cuts who is refused. Where nobody can say, the last answer holds as long as any statement of who is calling, 60 s:
// a restart of access must not cut every stream there is.
func (l *life) tick(ctx context.Context, now time.Time) error {
	err := l.to.check(ctx)
	kind := fault.KindOf(err)
	switch {
	case err == nil:
		l.allowed = now
	case kind == fault.Unauthenticated || kind == fault.Forbidden || now.Sub(l.allowed) >= identity.Lifetime:
		return err
	}
	if l.silent++; l.silent%l.pace.beats == 0 {
		return l.to.beat()
	}
	return nil
}

// tell tells everything that the view has behind a revision, and at last, when the call has ended, that it has. The end
// may be in the view before the last words are, for they lie in another stream: the leaders are asked first.
func (s *Service) tell(ctx context.Context, r ref, sent *uint32, to reader) (over bool, err error) {
	for sure := false; ; {
		var list []told
		var ended time.Time
		err := s.follower.Read(func(tx *view.Tx) error {
			rec, err := readRecord(tx, r)
			if err != nil {
				return err
			}
			if rec.Erased {
				return callErased()
			}
			ended = rec.Ended
			list, err = entriesBehind(tx, r, *sent)
			return err
		})
		if err != nil {
			return false, err
		}
		switch {
		case len(list) > 0:
			*sent += uint32(len(list))
			if err := to.words(*sent, list); err != nil {
				return false, err
			}
			if over := s.leaving(ctx); over != nil {
				return false, over
			}
		case ended.IsZero():
			return false, nil
		case sure:
			return true, to.ended(*sent, ended)
		default:
			if s.newest(ctx, r) != nil {
				return false, nil //nolint:nilerr // asked again at the next look
			}
			sure = true
		}
	}
}

// leaving is errOver when the client has left or the replica stops.
func (s *Service) leaving(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return errOver
	case <-s.stopping:
		return errOver
	default:
		return nil
	}
}

// entriesBehind are the entries behind a revision, as many as are told at once.
func entriesBehind(tx *view.Tx, r ref, revision uint32) (list []told, err error) {
	c, err := readCounts(tx, r)
	if err != nil {
		return nil, err
	}
	size := 0
	add := func(value []byte) (bool, error) {
		e := &eventv1.Entry{}
		if err := proto.Unmarshal(value, e); err != nil {
			return false, fmt.Errorf("ingest: view: %w", err)
		}
		list = append(list, told{e, corrects(tx, r, e)})
		size += len(e.GetText())
		return len(list) == maxTold || size >= maxToldBytes, nil
	}
	for _, value := range tx.Scan(partBucket, r.prefix(), r.partKey(revision+1)) {
		if enough, err := add(value); enough || err != nil {
			return list, err
		}
	}
	skip := max(revision, c.Parts) - c.Parts
	var wrong error
	err = eachLive(tx, r, func(raw []byte) (more bool) {
		if skip > 0 {
			skip--
			return true
		}
		var enough bool
		enough, wrong = add(raw)
		return !enough && wrong == nil
	})
	return list, cmp.Or(err, wrong)
}

// corrects tells whether there is an older version of an entry's utterance.
func corrects(tx *view.Tx, r ref, e *eventv1.Entry) bool {
	prefix := r.utterance(e.GetUtteranceId())
	for _, bucket := range []string{partIDBucket, liveIDBucket} {
		for k := range tx.Scan(bucket, prefix, nil) {
			if binary.BigEndian.Uint32(k[len(prefix):]) < e.GetVersion() {
				return true
			}
			break
		}
	}
	version, known := grownVersion(tx, r, e.GetUtteranceId())
	return known && version < e.GetVersion()
}
