package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// size of the disk, in bytes: room for a campaign's log, its views and ext4's own journal (16 MiB at this size) many
// times over, and small enough that a full one is copied in a fraction of a second and fits twice into memory. The
// image is sparse: what was never written, or was discarded, takes nothing.
const size = 512 << 20

// Disk is a mounted filesystem whose power can be cut. Its methods may be called from one goroutine at a time.
type Disk struct {
	mount string // where it is mounted
	store string // folder of the image and of the boot id
	owner *os.File

	mu     sync.Mutex
	boots  int
	device string // loop device under the mount; "" when there is none
	image  string // backing file of the device
	closed bool
}

// New makes an empty filesystem of 512 MiB and mounts it at dir/disk; dir is made if missing. The image lies in
// /dev/shm if that is a tmpfs with room for two of them, else in dir. [Disk.Close] must be called. A context that ends
// stops the tools under way; what is there by then is removed.
func New(ctx context.Context, dir string) (*Disk, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	d := &Disk{mount: filepath.Join(dir, "disk")}
	if err := os.MkdirAll(d.mount, 0o700); err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	if err := d.make(ctx, room(dir)); err != nil {
		return nil, errors.Join(fmt.Errorf("disk: %w", err), d.Close()) //nolint:contextcheck // it may have ended: that is one reason to be here
	}
	return d, nil
}

// make prepares the folder of the image and brings up the first one.
func (d *Disk) make(ctx context.Context, base string) (err error) {
	sweep(ctx, base)
	if d.store, d.owner, err = claim(base); err != nil {
		return err
	}
	image := filepath.Join(d.store, "image-0")
	if err := blank(ctx, image); err != nil {
		return err
	}
	return d.bootOn(ctx, image)
}

// blank makes an image with an empty filesystem. Its tables are written at once: a kernel thread that does it later
// would write beside what a test does.
func blank(ctx context.Context, image string) error {
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		return err
	}
	if err := os.Truncate(image, size); err != nil {
		return err
	}
	return run(ctx, "mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", image)
}

// bootOn mounts an image and gives the run of the machine that begins with it a name.
func (d *Disk) bootOn(ctx context.Context, image string) error {
	device, err := attach(ctx, image)
	if err != nil {
		return err
	}
	d.device, d.image = device, image
	// discard gives freed blocks back to memory, so that copies stay small over many cuts. It runs after the commit
	// that freed them, as on a real drive.
	if err := run(ctx, "mount", "-t", "ext4", "-o", "noatime,discard", device, d.mount); err != nil {
		return err
	}
	d.boots++
	return newBootID(d.bootIDPath())
}

// Path is where the filesystem is mounted; the same over every cut.
func (d *Disk) Path() string { return d.mount }

// Close unmounts the filesystem and removes everything that [New] made. It may be called any number of times, also
// after an error of [Disk.Cut]. Programs that were started through [Disk.Boot] should have ended: until they do, the
// kernel keeps the memory of the image.
func (d *Disk) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	// Not under the test's context, which has ended when things went wrong; but not for ever either.
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	err := d.detach(ctx)
	if d.store != "" {
		err = errors.Join(err, os.RemoveAll(d.store), d.owner.Close())
		d.store = ""
	}
	if gone := os.Remove(d.mount); gone != nil && !errors.Is(gone, os.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	if err != nil {
		return fmt.Errorf("disk: close: %w", err)
	}
	d.closed = true
	return nil
}

// room is where an image is kept: in memory if there is room for the image and for the copy of it.
func room(dir string) string {
	const shm = "/dev/shm"
	var fs unix.Statfs_t
	if err := unix.Statfs(shm, &fs); err != nil || fs.Type != unix.TMPFS_MAGIC {
		return dir
	}
	if free := int64(fs.Bavail) * fs.Bsize; free < 2*size+size/4 {
		return dir
	}
	return shm
}
