package story_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/services/simulator"
)

const (
	adminPassword = "story-password"
	secret        = "sk-story-CANARY0123456789abcdefWXYZ"
	readyWithin   = 30 * time.Second
)

// world is one installation and the provider it asks.
type world struct {
	t        *testing.T
	data     string
	address  string
	provider *simulator.Server
	base     string
	flags    []string
	grpc     string // address; any when empty
	said     *journal
	run      *exec.Cmd
	ended    chan error
}

// journal keeps what a process has said, over its restarts.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// newWorld makes an installation that has not started, with a second tenant.
func newWorld(t *testing.T, flags ...string) *world {
	t.Helper()
	w := &world{t: t, data: t.TempDir(), address: freeAddress(t), flags: flags, said: &journal{}}
	w.provider = simulator.New(simulator.Config{
		Keys: []simulator.Key{{Secret: secret, Organization: "org-story"}}, Latency: 20 * time.Millisecond,
	})
	base, err := w.provider.Start(context.Background(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.base = base
	t.Cleanup(func() { _ = w.provider.Stop(context.Background()) })
	t.Cleanup(func() {
		if w.run != nil {
			w.kill()
		}
		if t.Failed() {
			t.Logf("the process said:\n%s", tail(w.said.String(), 6000))
		}
	})
	return w
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// start runs `kikigaki all` and waits until it is ready.
func (w *world) start() {
	w.t.Helper()
	w.spawn()
	w.awaitReady()
}

func (w *world) spawn() {
	w.t.Helper()
	args := append([]string{
		"all", "--data", w.data, "--http", w.address, "--grpc", cmp.Or(w.grpc, "127.0.0.1:0"),
		"--bootstrap-admin", "admin:" + adminPassword, "--allow-addresses", "127.0.0.0/8", "--provider-base-url", w.base,
	}, w.flags...)
	w.run = exec.Command(binary, args...)
	w.run.Stdout, w.run.Stderr = w.said, w.said
	w.run.Env = append(os.Environ(), "GORACE=halt_on_error=1")
	if err := w.run.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.ended = make(chan error, 1)
	go func(run *exec.Cmd, ended chan<- error) { ended <- run.Wait() }(w.run, w.ended)
}

func (w *world) awaitReady() {
	w.t.Helper()
	for end := time.Now().Add(readyWithin); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		select {
		case err := <-w.ended:
			w.run = nil
			w.t.Fatalf("it ended while starting: %v\n%s", err, tail(w.said.String(), 4000))
		default:
		}
		res, err := patient().Get("http://" + w.address + "/readyz")
		if err != nil {
			continue
		}
		_ = res.Body.Close()
		if res.StatusCode == http.StatusOK {
			return
		}
	}
	w.t.Fatalf("not ready within %s\n%s", readyWithin, tail(w.said.String(), 4000))
}

// stop ends it as Ctrl-C does; it must end well.
func (w *world) stop() {
	w.t.Helper()
	_ = w.run.Process.Signal(os.Interrupt)
	select {
	case err := <-w.ended:
		w.run = nil
		if err != nil {
			w.t.Fatalf("after Ctrl-C: %v\n%s", err, tail(w.said.String(), 4000))
		}
	case <-time.After(readyWithin):
		w.t.Fatal("Ctrl-C does not end it")
	}
	w.run = nil
}

// kill ends it as kill -9 does.
func (w *world) kill() {
	_ = w.run.Process.Signal(syscall.SIGKILL)
	if err := <-w.ended; err == nil {
		w.t.Log("it had ended by itself")
	}
	w.run = nil
}

// command runs one of the binary's own commands.
func (w *world) command(token string, args ...string) (string, error) {
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), "KIKIGAKI_URL=http://"+w.address, "KIKIGAKI_TOKEN="+token)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, errs.String())
	}
	return out.String(), err
}

// addTenant adds a tenant while the installation is stopped.
func (w *world) addTenant(name, admin string) {
	w.t.Helper()
	args := append([]string{"tenants", "add", name, "--admin", admin + ":" + adminPassword, "--data", w.data}, w.flags...)
	if out, err := w.command("", args...); err != nil {
		w.t.Fatalf("%v %s", err, out)
	}
}

// deleteViews removes every view, while it is stopped.
func (w *world) deleteViews() {
	w.t.Helper()
	views := filepath.Join(w.data, "views")
	if _, err := os.Stat(views); err != nil {
		w.t.Fatal(err)
	}
	if err := os.RemoveAll(views); err != nil {
		w.t.Fatal(err)
	}
}

// until waits for something to become true.
func until(t *testing.T, what string, within time.Duration, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", within, what)
		}
	}
}
