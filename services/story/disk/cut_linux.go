package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Numbers of linux/fs.h and ext4: an ioctl that shuts a filesystem down, and the way that sends nothing any more.
const (
	ext4Shutdown   = 0x8004587d
	withoutJournal = 2
)

// settleWithin bounds the wait for requests that the device has already taken.
const settleWithin = 10 * time.Second

// Cut cuts the power and boots again: what had not reached the disk is gone, and [Disk.Boot] starts programs under a
// new boot id. Everything that writes here must have been killed, and must have ended, before: a process that still has
// a file open is named in an error, and nothing has happened. After any other error nothing is promised but [Disk.Close].
func (d *Disk) Cut(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.device == "" {
		return fmt.Errorf("disk: cut: %w", os.ErrClosed)
	}
	if err := d.cut(ctx); err != nil {
		return fmt.Errorf("disk: cut: %w", err)
	}
	return nil
}

func (d *Disk) cut(ctx context.Context) error {
	if err := unused(d.mount); err != nil {
		return err
	}
	if err := shutDown(d.mount); err != nil {
		return err
	}
	image := filepath.Join(d.store, fmt.Sprintf("image-%d", d.boots))
	if err := d.snapshot(ctx, image); err != nil {
		return err
	}
	if err := d.detach(ctx); err != nil {
		return err
	}
	return d.bootOn(ctx, image)
}

// shutDown stops a filesystem at once. Nothing that is dirty is written, neither files nor the journal.
func shutDown(mount string) error {
	dir, err := os.Open(mount)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	if err := unix.IoctlSetPointerInt(int(dir.Fd()), ext4Shutdown, withoutJournal); err != nil {
		return fmt.Errorf("shut down %s: %w", mount, err)
	}
	return nil
}

// snapshot copies the image as it is at one moment: with nothing in flight before, and no write taken meanwhile. A
// filesystem that was shut down sends nothing, but a request that it had sent may still be on its way.
func (d *Disk) snapshot(ctx context.Context, to string) error {
	for end := time.Now().Add(settleWithin); ; {
		before, quiet, err := traffic(d.device)
		if err != nil {
			return err
		}
		if quiet {
			if err := copySparse(ctx, d.image, to); err != nil {
				return err
			}
			after, _, err := traffic(d.device)
			if err != nil || after == before {
				return err
			}
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s has not come to rest in %s", d.device, settleWithin)
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			return err
		}
	}
}

// traffic is what a block device has completed of writes and discards, and whether nothing is in flight. Fields as in
// the kernel's Documentation/block/stat.rst, from 0: 4 writes, 6 sectors written, 8 in flight, 11 discards.
func traffic(device string) (done string, quiet bool, err error) {
	data, err := os.ReadFile("/sys/block/" + filepath.Base(device) + "/stat")
	if err != nil {
		return "", false, err
	}
	f := strings.Fields(string(data))
	if len(f) < 12 {
		return "", false, fmt.Errorf("%s: %d counters", device, len(f))
	}
	return strings.Join([]string{f[4], f[6], f[11]}, " "), f[8] == "0", nil
}

// detach unmounts the filesystem and gives up the device and its image. It is safe when there is none.
func (d *Disk) detach(ctx context.Context) error {
	if err := unmount(ctx, d.mount); err != nil {
		return err
	}
	if d.device != "" {
		if err := release(ctx, d.device); err != nil {
			return err
		}
		d.device = ""
	}
	if d.image == "" {
		return nil
	}
	if err := os.Remove(d.image); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	d.image = ""
	return nil
}

// pause waits; a shutdown ends it.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
