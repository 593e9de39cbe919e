package view

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
)

const (
	// owedKey is there while the file may hold what was to be forgotten.
	owedKey = "scrub"
	// drainTime is how long a scrub waits for reads that are under way; all changes wait with it.
	drainTime = 5 * time.Second
)

// Forget says that what this change removes is not to stay in the file: a removed value lies in a free page until that
// is used again. What is owed is written down with the change and outlives the process; [View.Scrub] pays it. Only
// within [View.Apply].
func (t *Tx) Forget() error { return t.bucket(metaBucket).Put([]byte(owedKey), []byte{1}) }

// Owes tells whether the file may hold what was to be forgotten. The error is that of a closed view.
func (v *View) Owes() (owed bool, err error) {
	err = v.Read(func(tx *Tx) error { owed = tx.Get(metaBucket, []byte(owedKey)) != nil; return nil })
	return owed, err
}

// Scrub overwrites every free page of the file with zeros and syncs it: what was removed before is in the file no more.
// It reads the whole file and writes what is free and not yet zeros. Reads go on meanwhile, changes wait; it first waits
// for the reads that are under way, at most 5 s, as one of them may still look at a page that is free by now. The error is
// that of the waiting, the context's or the disk's; then it is still owed.
func (v *View) Scrub(ctx context.Context) error {
	// In a transaction of its own: the pages that held it until now are then free like all others.
	err := v.db.Update(func(tx *bolt.Tx) error { return tx.Bucket([]byte(metaBucket)).Delete([]byte(owedKey)) })
	if err != nil {
		return fmt.Errorf("view: scrub: %w", err)
	}
	if err := v.scrub(ctx); err != nil {
		again := v.db.Update(func(tx *bolt.Tx) error { return tx.Bucket([]byte(metaBucket)).Put([]byte(owedKey), []byte{1}) })
		return errors.Join(fmt.Errorf("view: scrub: %w", err), again)
	}
	return nil
}

func (v *View) scrub(ctx context.Context) (err error) {
	tx, err := v.db.Begin(true) // nothing is allocated or freed until it ends
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	waiting, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	if err := v.reads.drain(waiting); err != nil {
		return err
	}
	file, err := os.OpenFile(v.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := wipeFree(ctx, tx, file, v.db.Info().PageSize); err != nil {
		return err
	}
	return file.Sync()
}

// wipeFree overwrites the free pages, and those behind the last one in use: a change that was cut short by the end of
// the process may have left something there.
func wipeFree(ctx context.Context, tx *bolt.Tx, file *os.File, size int) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	page := make([]byte, size)
	for id := 0; int64(id)*int64(size) < info.Size(); {
		if err := ctx.Err(); err != nil {
			return err
		}
		what, err := tx.Page(id)
		switch {
		case err != nil:
			return err
		case what != nil && what.Type != "free":
			id += 1 + what.OverflowCount
			continue
		}
		if err := wipe(file, page, int64(id)*int64(size)); err != nil {
			return err
		}
		id++
	}
	return nil
}

// wipe overwrites a page with zeros unless it holds nothing else.
func wipe(file *os.File, page []byte, at int64) error {
	n, err := file.ReadAt(page, at)
	if err != nil && n == 0 {
		return err
	}
	used := false
	for i, b := range page[:n] {
		used = used || b != 0
		page[i] = 0
	}
	if !used {
		return nil
	}
	_, err = file.WriteAt(page[:n], at)
	return err
}

// reads counts reads by when they began, so that those which began before a moment can be waited for while others come
// and go.
type reads struct {
	mu  sync.Mutex
	now *generation
	old []*generation // that somebody waited for in vain
}

type generation struct {
	n     int
	empty chan struct{} // closed when a generation that nobody enters any more is left by the last
	over  bool
}

func (r *reads) enter() *generation {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now == nil {
		r.now = &generation{empty: make(chan struct{})}
	}
	r.now.n++
	return r.now
}

func (r *reads) leave(g *generation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if g.n--; g.n == 0 && g.over {
		close(g.empty)
	}
}

// drain waits until all reads that began before it have ended.
func (r *reads) drain(ctx context.Context) error {
	r.mu.Lock()
	if g := r.now; g != nil {
		if r.now, g.over = nil, true; g.n == 0 {
			close(g.empty)
		}
		r.old = append(r.old, g)
	}
	waiting := r.old
	r.mu.Unlock()
	for _, g := range waiting {
		select {
		case <-g.empty:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.old = nil
	return nil
}
