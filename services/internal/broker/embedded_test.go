package broker

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

func TestTheZeroConfigNeedsNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	b := start(t, Config{})
	if err := b.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if b.Replicas() != 1 || b.Addr() != nil || b.Marker() == nil {
		t.Errorf("replicas %d, address %v, marker %v", b.Replicas(), b.Addr(), b.Marker())
	}
	if info, err := os.Stat("data"); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("data directory: %v %v", info, err)
	}
	if _, err := os.Stat(filepath.Join("data", "log", "jetstream")); err != nil {
		t.Error(err)
	}
}

func TestAcknowledgedMeansSynced(t *testing.T) {
	t.Parallel()
	b := start(t, Config{DataDir: t.TempDir(), MaxStore: 3 << 30})
	js := b.server.run.JetStreamConfig()
	if !js.SyncAlways {
		t.Error("messages are acknowledged before they are on disk")
	}
	if js.MaxStore != 3<<30 {
		t.Errorf("the log may take %d bytes", js.MaxStore)
	}
}

func TestWhatWasStoredIsThereAfterAStop(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := start(t, Config{DataDir: dir})
	declare(t, b)
	publish(t, b, "one")
	stop(t, b)
	stop(t, b) // a second stop does nothing

	if got := stored(t, start(t, Config{DataDir: dir})); got != 1 {
		t.Errorf("%d messages", got)
	}
}

func TestAKillLosesNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startChild(t, dir, "")
	p.awaitAck(t, 20)
	p.kill(t)

	b := start(t, Config{DataDir: dir}) // the lock died with its owner
	if got := stored(t, b); got < p.acked || got > p.acked+1 {
		t.Errorf("%d messages acknowledged, %d stored", p.acked, got)
	}
}

func TestTheConnectionComesBackAfterARestart(t *testing.T) {
	t.Parallel()
	b := start(t, Config{DataDir: t.TempDir()})
	declare(t, b)
	publish(t, b, "one")
	if err := b.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	publish(t, b, "two")
	if got := stored(t, b); got != 2 {
		t.Errorf("%d messages", got)
	}

	stop(t, b)
	if err := b.Restart(t.Context()); err == nil {
		t.Error("a stopped server was started again")
	}
}

func TestADataDirectoryHasOneOwner(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, Config{DataDir: dir})
	_, err := Start(t.Context(), Config{DataDir: dir})
	if !errors.Is(err, ErrInUse) {
		t.Fatalf("second opener: %v", err)
	}
	if !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) || !strings.Contains(err.Error(), dir) {
		t.Errorf("does not say who has which directory: %v", err)
	}
	stop(t, first)
	start(t, Config{DataDir: dir})
}

func TestAProcessElsewhereOwnsItsDataDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startChild(t, dir, "")
	p.awaitAck(t, 1)
	_, err := Start(t.Context(), Config{DataDir: dir})
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), strconv.Itoa(p.cmd.Process.Pid)) {
		t.Errorf("opened beside process %d: %v", p.cmd.Process.Pid, err)
	}
}

func TestAPortThatIsTakenFailsTheStart(t *testing.T) {
	t.Parallel()
	taken := start(t, Config{DataDir: t.TempDir(), Listen: "127.0.0.1:0", Publishers: nobody})
	dir := t.TempDir()
	_, err := Start(t.Context(), Config{DataDir: dir, Listen: taken.Addr().String(), Publishers: nobody})
	if err == nil || !strings.Contains(err.Error(), "listening on port") {
		t.Errorf("two servers on %s: %v", taken.Addr(), err)
	}
	start(t, Config{DataDir: dir}) // and the directory is free again
}

func TestNoPortWithoutSomebodyWhoKnowsTheTokens(t *testing.T) {
	t.Parallel()
	if _, err := Start(t.Context(), Config{DataDir: t.TempDir(), Listen: "127.0.0.1:0"}); err == nil {
		t.Error("an open port, and nobody at the door")
	}
}

func TestAListenAddressIsCheckedBeforeAnythingIsMade(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{"4222", "localhost:", "localhost:nats", "localhost:70000", "localhost:-1"} {
		dir := filepath.Join(t.TempDir(), "data")
		if _, err := Start(t.Context(), Config{DataDir: dir, Listen: listen, Publishers: nobody}); err == nil {
			t.Errorf("accepted %q", listen)
		}
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%q: %v", listen, err)
		}
	}
}

func TestWarningsOfTheServerReachTheLog(t *testing.T) {
	t.Parallel()
	var log page
	b := start(t, Config{DataDir: t.TempDir(), Listen: "127.0.0.1:0", Publishers: nobody, Logger: newLogger(&log)})
	if text := log.String(); text != "" {
		t.Errorf("an ordinary start is worth a word: %s", text)
	}
	b.server.run.Warnf("disk of %s is %s", "node", "slow")
	if text := log.String(); !strings.Contains(text, `level=WARN msg=nats-server said="disk of node is slow"`) {
		t.Errorf("the log says %q", text)
	}
}

func TestAnOpenPortIsPointedOut(t *testing.T) {
	t.Parallel()
	var log page
	start(t, Config{DataDir: t.TempDir(), Listen: "0.0.0.0:0", Publishers: nobody, Logger: newLogger(&log)})
	if !strings.Contains(log.String(), "not encrypted") {
		t.Errorf("the log says %q", log.String())
	}
}

// A restart by hand looks, while it is under way, like a server that has to be healed.
func TestARestartIsNotFollowedByAnother(t *testing.T) {
	t.Parallel()
	b := start(t, Config{DataDir: t.TempDir()})
	before := b.server.running()
	b.server.life.Lock() // as a restart in the middle
	b.server.shutdown()
	healed := make(chan error)
	go func() { healed <- b.restart(t.Context(), b.server.stuck) }()
	if !fault.Is(b.Room(), "STORAGE_FULL") {
		t.Error("took something in while there was no server")
	}
	err := b.server.boot(t.Context())
	after := b.server.running()
	b.server.life.Unlock()
	if err = errors.Join(err, <-healed); err != nil {
		t.Fatal(err)
	}
	if after == before || b.server.running() != after {
		t.Error("restarted again")
	}
}
