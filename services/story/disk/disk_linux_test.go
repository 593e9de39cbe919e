package disk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kikigaki/kikigaki/services/story/disk"
)

func put(t *testing.T, path, text string, sync bool) {
	t.Helper()
	file, err := os.Create(path)
	if err == nil {
		_, err = file.WriteString(text)
	}
	if err == nil && sync {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
}

// A rig that cannot show a loss proves nothing: what was only written is gone. The kernel writes back by itself every
// few seconds, and might do so just here; then it is tried again.
func TestWhatWasSyncedSurvivesAndWhatWasOnlyWrittenDoesNot(t *testing.T) {
	t.Parallel()
	d := newDisk(t)
	for n := range 5 {
		synced, written := filepath.Join(d.Path(), fmt.Sprint("synced-", n)), filepath.Join(d.Path(), fmt.Sprint("written-", n))
		put(t, written, "in the page cache", false)
		put(t, synced, "on the disk", true)
		cut(t, d)
		if text, err := os.ReadFile(synced); err != nil || string(text) != "on the disk" {
			t.Fatalf("synced: %q %v", text, err)
		}
		if text, _ := os.ReadFile(written); len(text) == 0 {
			return
		}
	}
	t.Fatal("what was not synced has survived every cut")
}

// A file of pages that is written over in place, as a view's is, has after a cut in each page what was there or what
// came, and what came where it was synced.
func TestAPageIsOldOrNew(t *testing.T) {
	t.Parallel()
	d := newDisk(t)
	const pages, page = 64, 4096
	path := filepath.Join(d.Path(), "pages")
	put(t, path, strings.Repeat("\x00", pages*page), true)
	lost := 0
	for n := byte(1); n <= 6; n++ {
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range rand.Perm(pages) {
			if _, err := file.WriteAt(bytes.Repeat([]byte{n}, page), int64(p)*page); err != nil {
				t.Fatal(err)
			}
			if p == 7 { // now and then some of it is on its way already
				err = unix.SyncFileRange(int(file.Fd()), 0, pages*page/2, unix.SYNC_FILE_RANGE_WRITE)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if n%2 == 0 {
			err = file.Sync()
		}
		if err = errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
		cut(t, d)
		data, err := os.ReadFile(path)
		if err != nil || len(data) != pages*page {
			t.Fatalf("%d bytes, %v", len(data), err)
		}
		for p := range pages {
			have := data[p*page]
			if whole := bytes.Repeat([]byte{have}, page); !bytes.Equal(data[p*page:(p+1)*page], whole) {
				t.Fatalf("round %d: page %d is torn", n, p)
			}
			if have != n && (n%2 == 0 || have != n-1) {
				t.Fatalf("round %d: page %d is of round %d", n, p, have)
			}
			if have != n {
				lost++
			}
		}
	}
	if lost == 0 {
		t.Error("nothing was lost in the rounds that did not sync")
	}
}

// Twenty cuts in a row of a program that tells what is durable: all of it is there, each time under another boot id.
func TestTwentyCutsLoseNothingThatWasDurable(t *testing.T) {
	t.Parallel()
	d := newDisk(t)
	boots := map[string]bool{}
	told := 0
	for n := range 20 {
		acked, there, boot := life(t, d, "writer", fmt.Sprint("numbers-", n))
		if there < acked {
			t.Fatalf("cut %d: %d numbers were told, %d are there", n, acked, there)
		}
		boots[boot] = true
		told += acked
	}
	if len(boots) != 20 {
		t.Errorf("%d boot ids in 20 runs", len(boots))
	}
	t.Logf("%d numbers told over 20 cuts", told)
}

// The same program without its sync loses what it has told.
func TestAProgramThatDoesNotSyncIsFoundOut(t *testing.T) {
	t.Parallel()
	d := newDisk(t)
	for n := range 5 {
		if acked, there, _ := life(t, d, "careless writer", fmt.Sprint("numbers-", n)); there < acked {
			t.Logf("%d numbers were told, %d are there", acked, there)
			return
		}
	}
	t.Fatal("nothing was lost in 5 cuts")
}

// A program that runs on while the power is cut could be told of a sync that did not come about: there is no cut then.
func TestAProgramThatStillRunsIsNamed(t *testing.T) {
	t.Parallel()
	d := newDisk(t)
	path := filepath.Join(d.Path(), "numbers")
	p := start(t, "writer", append(d.Boot(), os.Args[0], path)...)
	p.line(t) // its boot id
	p.line(t)
	err := d.Cut(t.Context())
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("process %d ", p.cmd.Process.Pid)) || !strings.Contains(err.Error(), path) {
		t.Errorf("cut under a program: %v", err)
	}
	acked := 1 + whole(p.kill(), 1)
	cut(t, d)
	if there := numbers(t, path); there < acked {
		t.Errorf("%d numbers were told, %d are there", acked, there)
	}
}

// A program that has nothing open keeps the filesystem of its time all the same; it can make nothing durable there.
func TestWhoStillHasTheOldFilesystemCanWriteNothing(t *testing.T) {
	t.Parallel()
	d := newDisk(t)
	boot := append(d.Boot(), "sh", "-c", `echo ready; read go; echo late >"$1" && sync "$1" && echo durable || echo refused`,
		"sh", filepath.Join(d.Path(), "late"))
	cmd := exec.Command(boot[0], boot[1:]...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p := started(t, cmd)
	p.line(t)
	cut(t, d)
	_, _ = io.WriteString(in, "go\n")
	if said := p.line(t); said != "refused" {
		t.Errorf("what is gone says that it is %s", said)
	}
	p.kill()
}

// life is one run of a writer, ended by a kill and a cut: how many numbers it told, and how many of these are there.
func life(t *testing.T, d *disk.Disk, as, name string) (acked, there int, boot string) {
	t.Helper()
	path := filepath.Join(d.Path(), name)
	p := start(t, as, append(d.Boot(), os.Args[0], path)...)
	boot = p.line(t)
	for range 1 + rand.IntN(50) {
		p.line(t)
		acked++
	}
	acked += whole(p.kill(), acked)
	cut(t, d)
	return acked, numbers(t, path), boot
}

// numbers counts those that are in a file, from 0 on and without a gap.
func numbers(t *testing.T, path string) (n int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if line != fmt.Sprintln(n) {
			break
		}
		n++
	}
	return n
}

// whole counts the numbers that follow from the next on; the last may have been cut off while it was told.
func whole(lines []string, next int) (n int) {
	for _, line := range lines {
		if line != fmt.Sprint(next+n) {
			break
		}
		n++
	}
	return n
}

func TestCloseLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	if err := disk.Available(); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	d, err := disk.New(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	cut(t, d)
	image := backing(t, d.Path())
	open, err := os.Create(filepath.Join(d.Path(), "open")) // somebody still uses it
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := open.Close(); err != nil {
		t.Fatal(err)
	}
	nothing(t, dir, image)
	if err := d.Cut(t.Context()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a cut after it: %v", err)
	}
}

// Whatever is interrupted, Close removes what is there.
func TestCloseLeavesNothingBehindAfterAFailure(t *testing.T) {
	t.Parallel()
	if err := disk.Available(); err != nil {
		t.Skip(err)
	}
	for _, after := range []time.Duration{0, time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond, 60 * time.Millisecond} {
		dir := t.TempDir()
		short, cancel := context.WithTimeout(t.Context(), after)
		if d, err := disk.New(short, dir); err == nil {
			_ = d.Close()
		}
		cancel()
		nothing(t, dir, "")
		d, err := disk.New(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		image := backing(t, d.Path())
		short, cancel = context.WithTimeout(t.Context(), after)
		_ = d.Cut(short)
		cancel()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		nothing(t, dir, image)
	}
}

// nothing checks that no mount, no file and no image is left.
func nothing(t *testing.T, dir, image string) {
	t.Helper()
	if found := left(t, dir); len(found) > 0 {
		t.Errorf("mounts left: %q", found)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("files left: %v %v", entries, err)
	}
	if found := orphans(t); len(found) > 0 {
		t.Errorf("loop devices left: %q", found)
	}
	if image == "" {
		return
	}
	if _, err := os.Stat(filepath.Dir(image)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("images left: %v", err)
	}
}

// A process that is killed cannot close its disk; the next one to make a disk does it.
func TestWhatAKilledProcessLeftIsRemoved(t *testing.T) {
	t.Parallel()
	if err := disk.Available(); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	p := start(t, "owner", os.Args[0], dir)
	mount := p.line(t)
	image := backing(t, mount)
	if strings.HasPrefix(image, dir) {
		t.Skip("images lie in each disk's own folder here, where nobody else looks")
	}
	p.kill()
	newDisk(t)
	if found := left(t, mount); len(found) > 0 {
		t.Errorf("mounts left: %q", found)
	}
	if _, err := os.Stat(filepath.Dir(image)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("images left: %v", err)
	}
}
