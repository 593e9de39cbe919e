package broker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sys/unix"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

// smallDisk mounts a filesystem of 48 MiB until the test ends, which takes root.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("kikigaki-test", dir, "tmpfs", 0, "size=48m"); err != nil {
		t.Skipf("SKIPPED here: filling a disk needs root and leave to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Errorf("unmount %s: %v", dir, errors.Join(err, unix.Unmount(dir, unix.MNT_DETACH)))
		}
	})
	return dir
}

// fillUp takes all but some bytes of a disk with a file.
func fillUp(t *testing.T, dir string, but uint64) (file string) {
	t.Helper()
	d, err := measure(dir)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(dir, "somebody-elses")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if d.free > but {
		err = allocate(f, int64(d.free-but))
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return file
}

// await returns how long it took until something holds.
func await(t *testing.T, what string, holds func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	eventually(t, what, holds)
	return time.Since(began)
}

// trial publishes numbered messages until one fails and returns how many were acknowledged.
func trial(t *testing.T, b *Broker, from, limit int) int {
	t.Helper()
	for i := from; i < from+limit; i++ {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		_, err := b.js.Publish(ctx, "trial", fmt.Appendf(nil, "%d %8192d", i, i), jetstream.WithRetryAttempts(0))
		cancel()
		if err != nil {
			return i
		}
	}
	return from + limit
}

// A disk that somebody else fills, and then the log itself to the last byte: nothing that was acknowledged is lost, those
// who ask are told at once, and the log works again by itself when there is room.
func TestAFullDiskLosesNothingAndHeals(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	var log page
	b := start(t, Config{DataDir: filepath.Join(dir, "data"), Logger: newLogger(&log)})
	declare(t, b)
	eventually(t, "the ballast", func() bool { return hasBallast(b.server.dir) })
	if err := b.Room(); err != nil {
		t.Fatal(err)
	}
	acked := trial(t, b, 0, 10)

	file := fillUp(t, dir, 4*mebibyte) // below the 4.8 MiB that are to stay free
	told := await(t, "somebody to be told", func() bool { return fault.Is(b.Room(), "STORAGE_FULL") })
	if told > time.Second { // 50 ms, and what a busy machine adds
		t.Errorf("told after %s", told)
	}
	eventually(t, "what cannot wait to be written all the same", func() bool {
		acked = trial(t, b, acked, 1)
		return acked > 10
	})
	for range 2 {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		took := await(t, "the log to write again", func() bool {
			n := acked
			if b.Room() == nil {
				acked = trial(t, b, acked, 1)
			}
			return acked > n
		})
		t.Logf("told after %s, writes again after %s", told.Round(time.Microsecond), took.Round(time.Millisecond))
		if took > 10*time.Second {
			t.Errorf("writing again took %s", took)
		}
		eventually(t, "the ballast to be laid again", func() bool { return hasBallast(b.server.dir) })
		file = fillUp(t, dir, 256<<10)
		eventually(t, "the log to meet the end of the disk", func() bool {
			acked = trial(t, b, acked, 1000)
			return b.server.stuck()
		})
		told = await(t, "somebody to be told", func() bool { return fault.Is(b.Room(), "STORAGE_FULL") })
		eventually(t, "the ballast to be let go", func() bool { return !hasBallast(b.server.dir) })
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	eventually(t, "room and an answer", func() bool { return b.Room() == nil && b.Ready(t.Context()) == nil })
	checkTrial(t, b, acked)
}

// A disk that is full at the start must not keep the log from being read.
func TestALogStartsOnAFullDisk(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	cfg := Config{DataDir: filepath.Join(dir, "data")}
	b := start(t, cfg)
	declare(t, b)
	acked := trial(t, b, 0, 10)
	eventually(t, "the ballast", func() bool { return hasBallast(b.server.dir) })
	stop(t, b)
	file := fillUp(t, dir, 0)

	b = start(t, cfg)
	if hasBallast(b.server.dir) || !fault.Is(b.Room(), "STORAGE_FULL") {
		t.Errorf("ballast %v, room: %v", hasBallast(b.server.dir), b.Room())
	}
	checkTrial(t, b, acked)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the log to write again", func() bool {
		return b.Room() == nil && trial(t, b, acked, 1) > acked
	})
}

// checkTrial checks that every message that was acknowledged is there, once and whole. One that was not may be, too.
func checkTrial(t *testing.T, b *Broker, acked int) {
	t.Helper()
	s, err := b.js.Stream(t.Context(), "TRIAL")
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]int{}
	for seq := s.CachedInfo().State.FirstSeq; seq <= s.CachedInfo().State.LastSeq; seq++ {
		m, err := s.GetMsg(t.Context(), seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		var number string
		if _, err := fmt.Sscan(string(m.Data), &number); err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("%s %8192s", number, number); string(m.Data) != want {
			t.Errorf("message %s is damaged", number)
		}
		have[number]++
	}
	lost := 0
	for i := range acked {
		if have[strconv.Itoa(i)] == 0 {
			lost++
		}
	}
	t.Logf("%d acknowledged, %d stored, %d lost", acked, len(have), lost)
	if lost > 0 {
		t.Errorf("%d of %d acknowledged messages are lost", lost, acked)
	}
}
