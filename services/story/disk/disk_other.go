//go:build !linux

package disk

import (
	"context"
	"errors"
	"fmt"
	"runtime"
)

// Disk is a mounted filesystem whose power can be cut. There is none here.
type Disk struct{}

// Available tells why power cannot be cut here.
func Available() error {
	return fmt.Errorf("disk: cutting the power needs Linux with loop devices, ext4 and mount namespaces; this is %s: %w",
		runtime.GOOS, errors.ErrUnsupported)
}

// New answers what [Available] says.
func New(context.Context, string) (*Disk, error) { return nil, Available() }

// Path is where nothing is mounted.
func (*Disk) Path() string { return "" }

// Cut answers what [Available] says.
func (*Disk) Cut(context.Context) error { return Available() }

// Boot is no prefix.
func (*Disk) Boot() []string { return nil }

// Close has nothing to do.
func (*Disk) Close() error { return nil }
