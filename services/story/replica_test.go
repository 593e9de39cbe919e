package story_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// replica is a process of the program.
type replica struct {
	t      *testing.T
	name   string
	args   []string
	prefix []string
	env    []string
	health string // address of /readyz
	said   *journal

	mu    sync.Mutex
	run   *exec.Cmd
	ended chan error
}

// spawn starts the process and does not wait.
func (r *replica) spawn() {
	r.t.Helper()
	if err := r.trySpawn(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *replica) trySpawn() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.run != nil {
		return fmt.Errorf("%s is running", r.name)
	}
	argv := append(append([]string{}, r.prefix...), binary)
	argv = append(argv, r.args...)
	run := exec.Command(argv[0], argv[1:]...)
	run.Stdout, run.Stderr = r.said, r.said
	run.Env = append(append(os.Environ(), "GORACE=halt_on_error=1"), r.env...)
	if err := run.Start(); err != nil {
		return err
	}
	r.run, r.ended = run, make(chan error, 1)
	go func(run *exec.Cmd, ended chan<- error) { ended <- run.Wait() }(run, r.ended)
	return nil
}

// awaitReady waits until the process says that it is ready. One that ends instead fails the test.
func (r *replica) awaitReady() {
	r.t.Helper()
	if err := r.tryReady(); err != nil {
		r.t.Fatalf("%v\n%s", err, tail(r.said.String(), 4000))
	}
}

func (r *replica) tryReady() error {
	why := ""
	for end := time.Now().Add(readyWithin); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		select {
		case err := <-r.ended:
			r.gone()
			return fmt.Errorf("%s ended while starting: %w", r.name, err)
		default:
		}
		var ready bool
		if ready, why = isReady(r.health); ready {
			return nil
		}
	}
	return fmt.Errorf("%s is not ready within %s: %s", r.name, readyWithin, why)
}

func isReady(address string) (ready bool, why string) {
	res, err := patient().Get("http://" + address + "/readyz")
	if err != nil {
		return false, err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	text, _ := io.ReadAll(res.Body)
	return res.StatusCode == http.StatusOK, strings.TrimSpace(string(text))
}

// interrupt asks the process to end, as Ctrl-C does.
func (r *replica) interrupt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.run != nil {
		_ = r.run.Process.Signal(os.Interrupt)
	}
}

// awaitEnd waits for a process that was asked to end; it must end well.
func (r *replica) awaitEnd() {
	r.t.Helper()
	if r.ended == nil {
		return
	}
	select {
	case err := <-r.ended:
		r.gone()
		if err != nil {
			r.t.Fatalf("%s after Ctrl-C: %v\n%s", r.name, err, tail(r.said.String(), 4000))
		}
	case <-time.After(readyWithin):
		r.t.Fatalf("Ctrl-C does not end %s", r.name)
	}
}

// kill ends the process as kill -9 does; one that is not running stays so.
func (r *replica) kill() {
	r.mu.Lock()
	run, ended := r.run, r.ended
	r.mu.Unlock()
	if run == nil {
		return
	}
	_ = run.Process.Signal(syscall.SIGKILL)
	if err := <-ended; err == nil {
		r.t.Logf("%s had ended by itself", r.name)
	}
	r.gone()
}

func (r *replica) gone() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.run, r.ended = nil, nil
}
