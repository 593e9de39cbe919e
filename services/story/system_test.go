package story_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/services/simulator"
)

const (
	adminPassword = "story-password"
	secret        = "sk-story-CANARY0123456789abcdefWXYZ"
	readyWithin   = 60 * time.Second
)

// world is one installation, spread in one of the ways there are, and the provider it asks.
type world struct {
	t        *testing.T
	way      way
	data     string // everything it keeps is in here
	address  string // where people find it
	grpc     string // address for publishers, of everything in one process; any when empty
	provider *simulator.Server
	base     string
	flags    []string // of everything in one process
	said     *journal
	replicas []*replica
	servers  *servers            // of the log; nil when it is embedded
	at       map[string][]string // gRPC addresses of services apart
}

// newWorld makes an installation in one process that has not started.
func newWorld(t *testing.T, flags ...string) *world {
	t.Helper()
	return together.newWorld(t, flags...)
}

// newWorld makes an installation that has not started.
func (way way) newWorld(t *testing.T, flags ...string) *world {
	t.Helper()
	return way.newWorldIn(t, t.TempDir(), flags...)
}

// newWorldIn is newWorld in a directory.
func (way way) newWorldIn(t *testing.T, dir string, flags ...string) *world {
	t.Helper()
	way.takeTurn(t)
	w := &world{t: t, way: way, data: dir, address: freeAddress(t), flags: flags, said: &journal{}}
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
		for _, r := range w.replicas {
			r.kill()
		}
		if t.Failed() {
			t.Logf("the processes said:\n%s", tail(w.said.String(), 12000))
		}
	})
	if way == together {
		w.replicas = []*replica{w.everything()}
		return w
	}
	w.takeApart()
	return w
}

// everything is `kikigaki all`.
func (w *world) everything() *replica {
	return &replica{t: w.t, name: "all", said: w.said, health: w.address, args: append([]string{
		"all", "--data", w.data, "--http", w.address, "--grpc", cmp.Or(w.grpc, "127.0.0.1:0"),
		"--bootstrap-admin", "admin:" + adminPassword, "--allow-addresses", "127.0.0.0/8", "--provider-base-url", w.base,
	}, w.flags...)}
}

// start runs it and waits until it is ready.
func (w *world) start() {
	w.t.Helper()
	for _, r := range w.replicas {
		r.spawn()
	}
	for _, r := range w.replicas {
		r.awaitReady()
	}
}

// stop ends it as Ctrl-C does, all processes at once; each must end well.
func (w *world) stop() {
	w.t.Helper()
	for _, r := range w.replicas {
		r.interrupt()
	}
	for _, r := range w.replicas {
		r.awaitEnd()
	}
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
	args := append([]string{"tenants", "add", name, "--admin", admin + ":" + adminPassword}, w.flags...)
	if w.servers == nil {
		args = append(args, "--data", w.data)
	} else {
		args = append(args, "--data", filepath.Join(w.data, "tenants"), "--nats", w.servers.url())
	}
	if out, err := w.command("", args...); err != nil {
		w.t.Fatalf("%v %s", err, out)
	}
}

// deleteViews removes every view, while it is stopped.
func (w *world) deleteViews() {
	w.t.Helper()
	var views []string
	for _, pattern := range []string{"views", "*/views"} {
		found, err := filepath.Glob(filepath.Join(w.data, pattern))
		if err != nil {
			w.t.Fatal(err)
		}
		views = append(views, found...)
	}
	if len(views) < len(w.replicas)/2 {
		w.t.Fatalf("%d folders of views", len(views))
	}
	for _, dir := range views {
		if err := os.RemoveAll(dir); err != nil {
			w.t.Fatal(err)
		}
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

// journal keeps what processes have said, over their restarts.
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

func tail(s string, n int) string { return s[max(0, len(s)-n):] }
