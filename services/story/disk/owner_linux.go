package disk

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// claim makes a folder for a disk, with a file in it that is locked as long as its process lives. The file gets its
// name only when it is locked, so that nobody takes a folder in the making for one that was left behind.
func claim(base string) (string, *os.File, error) {
	store, err := os.MkdirTemp(base, "kikigaki-disk-")
	if err != nil {
		return "", nil, err
	}
	making := filepath.Join(store, "owner-to-be")
	owner, err := os.OpenFile(making, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		err = errors.Join(unix.Flock(int(owner.Fd()), unix.LOCK_EX), os.Rename(making, filepath.Join(store, "owner")))
	}
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(store))
	}
	return store, owner, nil
}

// sweep removes what processes left behind that were killed before they could close their disks: each is half a
// gigabyte of memory that no restart gives back. What cannot be removed stays; it is not this disk's trouble.
func sweep(ctx context.Context, base string) {
	owners, err := filepath.Glob(filepath.Join(base, "kikigaki-disk-*", "owner"))
	if err != nil {
		return
	}
	for _, path := range owners {
		owner, err := os.Open(path)
		if err != nil {
			continue
		}
		if unix.Flock(int(owner.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			abandon(ctx, filepath.Dir(path))
		}
		_ = owner.Close()
	}
}

// abandon removes a folder whose owner has died, with the devices on its images and their mounts.
func abandon(ctx context.Context, store string) {
	images, err := filepath.Glob(filepath.Join(store, "image-*"))
	if err != nil {
		return
	}
	for _, image := range images {
		out, err := output(ctx, "losetup", "--noheadings", "--output", "NAME", "--associated", image)
		if err != nil {
			continue
		}
		for device := range strings.FieldsSeq(out) {
			for at, from := range mounts() {
				if from == device {
					_ = unmount(ctx, at)
				}
			}
			_ = release(ctx, device)
		}
	}
	_ = os.RemoveAll(store)
}
