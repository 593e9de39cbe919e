package view

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// metaBucket holds what the view knows about itself.
const metaBucket = "_view"

// openTimeout is how long Open waits for another process that has the file.
const openTimeout = 5 * time.Second

// Config says where a view lies and what is in it.
type Config struct {
	// Path of the file; its folder is made.
	Path string
	// Buckets that exist.
	Buckets []string
	// Format changes whenever the contents of the buckets change their meaning: a view of another format is useless.
	Format string
	// BootID tells one run of the machine from the next; empty: ask the operating system.
	BootID string
}

// ErrUseless says that a file cannot serve as a view and has to be made again: it was not closed before the machine
// went down, is damaged, or has another format.
var ErrUseless = errors.New("view: file cannot be used")

// View is an open view. It is safe for concurrent use: any number of reads, one change at a time.
type View struct {
	db    *bolt.DB
	path  string
	reads reads
}

// Open opens the view at a path or makes an empty one. [ErrUseless] means that the file has to be moved away first. A
// file that another process has open is waited for 5 s, and is then an error. The caller closes it.
func Open(cfg Config) (*View, error) {
	if err := os.MkdirAll(filepath.Dir(cfg.Path), 0o700); err != nil {
		return nil, fmt.Errorf("view: %w", err)
	}
	if cfg.BootID == "" {
		cfg.BootID = bootID()
	}
	db, err := open(cfg.Path)
	if err != nil {
		return nil, err
	}
	v := &View{db: db, path: cfg.Path}
	if err := v.beginTorn(cfg); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return v, nil
}

// open turns a damaged file, on which bbolt may panic, into ErrUseless.
func open(path string) (db *bolt.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			db, err = nil, fmt.Errorf("%w: %v", ErrUseless, r)
		}
	}()
	db, err = bolt.Open(path, 0o600, &bolt.Options{Timeout: openTimeout, NoSync: true, NoFreelistSync: true})
	switch {
	case err == nil:
		return db, nil
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("view: %s is in use by another process: %w", path, err)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch):
		return nil, fmt.Errorf("%w: %w", ErrUseless, err)
	default:
		return nil, fmt.Errorf("view: %w", err)
	}
}

// beginTorn is begin on a file that may be torn, on whose pages bbolt may panic.
func (v *View) beginTorn(cfg Config) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrUseless, r)
		}
	}()
	return v.begin(cfg)
}

// begin checks how the file was left and marks it as open, on disk before anything else changes.
func (v *View) begin(cfg Config) error {
	err := v.db.Update(func(tx *bolt.Tx) error {
		if err := usable(tx.Bucket([]byte(metaBucket)), cfg); err != nil {
			return err
		}
		for _, name := range append(cfg.Buckets, metaBucket) {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		meta := tx.Bucket([]byte(metaBucket))
		return errors.Join(
			meta.Put([]byte("format"), []byte(cfg.Format)),
			meta.Put([]byte("boot"), []byte(cfg.BootID)),
			meta.Delete([]byte("closed")))
	})
	if err != nil {
		return fmt.Errorf("view: %w", err)
	}
	return v.db.Sync()
}

func usable(meta *bolt.Bucket, cfg Config) error {
	if meta == nil {
		return nil // new
	}
	if have := string(meta.Get([]byte("format"))); have != cfg.Format {
		return fmt.Errorf("%w: format %q, want %q", ErrUseless, have, cfg.Format)
	}
	if meta.Get([]byte("closed")) != nil {
		return nil
	}
	if boot := string(meta.Get([]byte("boot"))); boot == "" || boot != cfg.BootID {
		return fmt.Errorf("%w: not closed before the machine went down", ErrUseless)
	}
	return nil
}

// Path is where the file lies.
func (v *View) Path() string { return v.path }

// Close marks the view as whole, on disk, and closes it. It waits for reads that are under way; those that come later
// fail.
func (v *View) Close() error {
	mark := v.db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte(metaBucket)).Put([]byte("closed"), []byte{1})
	})
	return errors.Join(mark, v.db.Sync(), v.db.Close())
}

// bootID is the kernel's name for this run of the machine; "" where there is none, and then no view that was not
// closed is ever trusted.
func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return string(id)
}
