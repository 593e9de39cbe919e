//go:build !linux

package disk

import (
	"context"
	"errors"
	"fmt"
	"runtime"
)

// Limited is a small filesystem. There is none here.
type Limited struct{}

// AvailableLimited tells why no small disk can be made here.
func AvailableLimited() error {
	return fmt.Errorf("disk: a disk that runs full needs Linux with tmpfs; this is %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

// NewLimited answers what [AvailableLimited] says.
func NewLimited(context.Context, string, int64) (*Limited, error) { return nil, AvailableLimited() }

// Path is where nothing is mounted.
func (*Limited) Path() string { return "" }

// Close has nothing to do.
func (*Limited) Close() error { return nil }
