package rig

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/services/internal/broker"
)

// Store is a data directory with a history, and another one with the same log alone.
type Store struct {
	// System is for the program: log and views, as a stop in order left them. Bare has an equal log.
	System, Bare string
	// Events is how many there are.
	Events int

	dir string
}

const (
	// shared is a file system in memory that Linux has.
	shared = "/dev/shm"
	// eventRoom is how much room an event may need while the store is made, amply, in bytes.
	eventRoom = 4 << 10
	// writers is how many calls are written at once.
	writers = 8
)

// MakeStore makes a store of at least so many events below a directory: calls that ended some days ago, each analysed
// once. The program is run over it once, so that its views are there.
func MakeStore(ctx context.Context, binary, dir string, events int) (s *Store, err error) {
	s = &Store{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Remove())
		}
	}()
	if s.dir, err = os.MkdirTemp(dir, "store-"); err != nil {
		return s, err
	}
	s.System, s.Bare = filepath.Join(s.dir, "system"), filepath.Join(s.dir, "bare")
	calls := (events + eventsPerCall - 1) / eventsPerCall
	s.Events = calls * eventsPerCall
	// Every event is synced. In memory that costs nothing, and the files are the same.
	made := s.Bare
	if free(shared) > uint64(s.Events)*eventRoom {
		scratch, err := os.MkdirTemp(shared, "kikigaki-bench-")
		if err != nil {
			return s, err
		}
		defer func() { _ = os.RemoveAll(scratch) }()
		made = filepath.Join(scratch, "log")
	}
	if err = fill(ctx, made, calls); err != nil {
		return s, err
	}
	if made != s.Bare {
		err = os.CopyFS(s.Bare, os.DirFS(made))
	}
	if err = errors.Join(err, os.CopyFS(s.System, os.DirFS(s.Bare))); err != nil {
		return s, err
	}
	err = s.look(ctx, binary)
	return s, err
}

// Remove removes it.
func (s *Store) Remove() error {
	if s.dir == "" {
		return nil
	}
	return os.RemoveAll(s.dir)
}

// DropViews removes the program's views, so that the next start makes them anew.
func (s *Store) DropViews() error { return os.RemoveAll(filepath.Join(s.System, "views")) }

// look runs the program over the store once, and asks whether it has all of it.
func (s *Store) look(ctx context.Context, binary string) error {
	system, _, _, err := StartSystem(ctx, binary, s.System)
	if err != nil {
		return err
	}
	return errors.Join(s.Inspect(ctx, system), system.Stop())
}

// Inspect asks a program that runs over the store whether the first and the last call are there, with their words and
// their result.
func (s *Store) Inspect(ctx context.Context, system *System) error {
	client, err := LogIn(ctx, system.URL)
	if err != nil {
		return err
	}
	defer client.Close()
	for _, n := range []int{0, s.Events/eventsPerCall - 1} {
		id := callID(n)
		var words struct {
			Utterances []utterance `json:"utterances"`
		}
		if err := client.Do(ctx, http.MethodGet, "/api/v1/calls/"+id+"/transcript", nil, &words); err != nil {
			return err
		}
		if want := len(dialogueOf(id).Utterances); len(words.Utterances) != want {
			return fmt.Errorf("%s has %d utterances, want %d", id, len(words.Utterances), want)
		}
		if err := completed(ctx, client, id); err != nil {
			return err
		}
	}
	return nil
}

// fill writes the history of calls to an embedded log.
func fill(ctx context.Context, dir string, calls int) (err error) {
	b, err := broker.Start(ctx, broker.Config{DataDir: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Stop(context.WithoutCancel(ctx))) }()
	log, err := stream.Open(b.Conn(), stream.Config{})
	if err != nil {
		return err
	}
	if err := broker.Declare(ctx, log, b.Marker()); err != nil {
		return err
	}
	var mu sync.Mutex
	next := 0
	group, ctx := errgroup.WithContext(ctx)
	for range writers {
		group.Go(func() error {
			for {
				mu.Lock()
				n := next
				next++
				mu.Unlock()
				if n >= calls {
					return nil
				}
				if err := writeCall(ctx, log, n, calls); err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}
