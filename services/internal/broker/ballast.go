package broker

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// minInodes is how few files a disk may still take before it counts as full: a server that cannot make a file is as stuck
// as one that cannot fill it.
const minInodes = 128

// measure asks the filesystem of a directory for its room.
func measure(dir string) (disk, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return disk{}, fmt.Errorf("broker: statfs %s: %w", dir, err)
	}
	block := uint64(st.Bsize)
	d := disk{free: st.Bavail * block, total: st.Blocks * block}
	if st.Files > 0 && st.Ffree < minInodes {
		d.free = 0
	}
	return d, nil
}

// hasBallast tells whether the ballast lies in a data directory.
func hasBallast(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, ballastFile))
	return err == nil && info.Size() > 0
}

// setBallast makes the ballast of a data directory, so that it really takes its room, or removes it with size 0. It is
// what a server on a full disk has left: deleting a file is the one thing that still works there.
func setBallast(dir string, size uint64) error {
	path := filepath.Join(dir, ballastFile)
	if size == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("broker: ballast: %w", err)
		}
		return nil
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("broker: ballast: %w", err)
	}
	if err = errors.Join(allocate(file, int64(size)), file.Close()); err != nil {
		return errors.Join(fmt.Errorf("broker: ballast: %w", err), os.Remove(path))
	}
	return nil
}

// fill writes bytes that no filesystem makes smaller.
func fill(file *os.File, size int64) error {
	_, err := io.CopyN(file, rand.Reader, size)
	return errors.Join(err, file.Sync())
}
