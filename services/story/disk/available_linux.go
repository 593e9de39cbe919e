package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// Available tells why power cannot be cut here; nil when it can. It asks for root and for the tools by name, and then
// tries: a container may have both and be refused the loop device or the mount all the same. Takes about 100 ms.
func Available() error {
	if os.Geteuid() != 0 {
		return errors.New("disk: cutting the power needs root, to mount a filesystem on a loop device")
	}
	for _, tool := range []string{"losetup", "mount", "umount", "mkfs.ext4", "unshare", "sh"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("disk: cutting the power needs %s: %w", tool, err)
		}
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		return fmt.Errorf("disk: cutting the power needs loop devices: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return try(ctx)
}

// try cuts the power of a disk once and boots a program.
func try(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "kikigaki-disk-")
	if err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	d, err := New(ctx, dir)
	if err != nil {
		return err
	}
	err = d.Cut(ctx)
	if err == nil {
		boot := append(d.Boot(), "true")
		err = run(ctx, boot[0], boot[1:]...)
	}
	return errors.Join(err, d.Close()) //nolint:contextcheck // what was made is removed in any case
}
