package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Limited is a small filesystem in memory, to see what happens when a disk is full.
type Limited struct{ mount string }

// NewLimited mounts an empty tmpfs of some bytes at dir/limited; dir is made if missing. [Limited.Close] must be called.
func NewLimited(ctx context.Context, dir string, size int64) (*Limited, error) {
	l := &Limited{mount: filepath.Join(dir, "limited")}
	if err := os.MkdirAll(l.mount, 0o700); err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	options := "mode=0700,size=" + strconv.FormatInt(size, 10)
	if err := run(ctx, "mount", "-t", "tmpfs", "-o", options, "kikigaki-limited", l.mount); err != nil {
		return nil, errors.Join(fmt.Errorf("disk: %w", err), os.Remove(l.mount))
	}
	return l, nil
}

// Path is where it is mounted.
func (l *Limited) Path() string { return l.mount }

// Close unmounts it, and all that was written is gone. It may be called any number of times.
func (l *Limited) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := unmount(ctx, l.mount); err != nil {
		return fmt.Errorf("disk: close: %w", err)
	}
	if err := os.Remove(l.mount); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("disk: close: %w", err)
	}
	return nil
}

// AvailableLimited tells why no small disk can be made here; nil when one can: it tries. Takes about 10 ms.
func AvailableLimited() error {
	if os.Geteuid() != 0 {
		return errors.New("disk: a disk that runs full needs root, to mount a tmpfs")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	dir, err := os.MkdirTemp("", "kikigaki-limited-")
	if err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	l, err := NewLimited(ctx, dir, 1<<20)
	if err != nil {
		return err
	}
	return l.Close()
}
