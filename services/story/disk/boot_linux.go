package disk

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
)

// bootIDFile is what the kernel calls a run of the machine by.
const bootIDFile = "/proc/sys/kernel/random/boot_id"

// Boot is what to start a program with, so that it finds itself in the run of the machine that the last [Disk.Cut]
// began: the prefix of its command line. The program runs in a mount namespace of its own, where the kernel's boot id
// is a new one; it takes the place of the prefix's programs (exec), so that the process started is the one to signal.
// The prefix is good until the next cut.
func (d *Disk) Boot() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	const begin = `mount --bind "$1" ` + bootIDFile + ` && shift && exec "$@"`
	return []string{"unshare", "--mount", "--propagation", "private", "sh", "-c", begin, "sh", d.bootIDPath()}
}

// bootIDPath is a file of each boot's own: a program of the boot before, should one still run, keeps the id it had.
func (d *Disk) bootIDPath() string { return filepath.Join(d.store, fmt.Sprintf("boot-%d", d.boots)) }

// newBootID writes a random id in the kernel's form.
func newBootID(path string) error {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return err
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // a random UUID
	id := fmt.Sprintf("%x-%x-%x-%x-%x\n", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
	return os.WriteFile(path, []byte(id), 0o644) //nolint:gosec // any program may read it, as the kernel's own
}
