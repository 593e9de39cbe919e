package broker

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrInUse means that another process owns the data directory.
var ErrInUse = errors.New("the data directory is in use")

// dirLock is the ownership of a data directory. Two servers over the same files destroy them.
type dirLock struct{ file *os.File }

// lockDir takes the directory or says who has it. The kernel releases the lock with the process, so there is nothing to
// clean up after a crash; the file stays, because removing it would let two processes lock two files of one name.
func lockDir(dir string) (*dirLock, error) {
	path := filepath.Join(dir, lockFile)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("broker: lock: %w", err)
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = fmt.Errorf("broker: %w: %s, by process %s; stop that one or choose another directory",
			ErrInUse, dir, owner(file))
		return nil, errors.Join(err, file.Close())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("broker: lock %s: %w", path, err), file.Close())
	}
	l := &dirLock{file: file}
	if err := l.sign(); err != nil && !errors.Is(err, unix.ENOSPC) { // a full disk must not keep the server from starting
		return nil, errors.Join(fmt.Errorf("broker: lock %s: %w", path, err), l.release())
	}
	return l, nil
}

// sign writes our process id, for the one who comes second.
func (l *dirLock) sign() error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func (l *dirLock) release() error {
	err := l.file.Close() // and with it the lock
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

func owner(file *os.File) string {
	text, err := io.ReadAll(io.LimitReader(file, 20))
	if pid := strings.TrimSpace(string(text)); err == nil && pid != "" {
		return pid
	}
	return "unknown"
}
