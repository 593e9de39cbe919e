package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

const (
	// Password is that of the first administrator, admin.
	Password = "bench-password"
	// readyWithin and stopWithin are how long a start and a stop may take.
	readyWithin = 2 * time.Minute
	stopWithin  = 30 * time.Second
	// lookEvery is how often a start is asked whether it is ready.
	lookEvery = time.Millisecond
)

// System is `kikigaki all` in a process of its own.
type System struct {
	// URL is where people find it, GRPC where programs do.
	URL, GRPC string

	cmd   *exec.Cmd
	said  journal
	ended chan error
}

// StartSystem starts the program over a directory and returns when /readyz says yes, with the time that took from its
// execution and the processor time that it used for it. Providers may be on this machine.
func StartSystem(ctx context.Context, binary, dir string) (s *System, ready, cpu time.Duration, err error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, 0, 0, err
	}
	s = &System{URL: "http://" + address, ended: make(chan error, 1)}
	if s.GRPC, err = freeAddress(ctx); err != nil {
		return nil, 0, 0, err
	}
	s.cmd = exec.CommandContext(ctx, binary, "all", "--data", dir, "--http", address, "--grpc", s.GRPC, //nolint:gosec // built by us
		"--bootstrap-admin", "admin:"+Password, "--allow-addresses", "127.0.0.0/8", "--log", "warn")
	s.cmd.Stdout, s.cmd.Stderr, s.cmd.Env = &s.said, &s.said, environment()
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(os.Interrupt) }
	s.cmd.WaitDelay = stopWithin
	begun := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, 0, 0, err
	}
	go func() { s.ended <- s.cmd.Wait() }()
	if err = s.awaitReady(ctx); err == nil {
		ready = time.Since(begun)
		cpu, err = CPUTime(s.PID())
	}
	if err != nil {
		return nil, 0, 0, errors.Join(err, s.Stop())
	}
	return s, ready, cpu, nil
}

// environment is ours without what would configure the program.
func environment() (out []string) {
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "KIKIGAKI_") && !strings.HasPrefix(e, "OTEL_") {
			out = append(out, e)
		}
	}
	return out
}

// freeAddress is one that nobody uses, outside the range that the system gives to outgoing connections.
func freeAddress(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	var err error
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 10000+rand.IntN(20000)) //nolint:gosec // not to be guessed by nobody
		l, no := lc.Listen(ctx, "tcp", address)
		if no == nil {
			return address, l.Close()
		}
		err = no
	}
	return "", err
}

func (s *System) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if isReady(ctx, transport, s.URL) {
			return nil
		}
		select {
		case <-tick.C:
		case err := <-s.ended:
			s.ended <- nil // for Stop, which has nothing left to wait for
			return fmt.Errorf("kikigaki ended while starting: %w%s", err, s.said.tail())
		case <-ctx.Done():
			return fmt.Errorf("kikigaki is not ready: %w%s", ctx.Err(), s.said.tail())
		}
	}
}

func isReady(ctx context.Context, transport http.RoundTripper, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// PID is the program's process id.
func (s *System) PID() int { return s.cmd.Process.Pid }

// Stop ends the program as Ctrl-C does and waits for it. It must end well.
func (s *System) Stop() error {
	if s == nil {
		return nil
	}
	_ = s.cmd.Process.Signal(os.Interrupt) // it may have ended
	late := time.NewTimer(stopWithin)
	defer late.Stop()
	select {
	case err := <-s.ended:
		s.ended <- nil
		if err != nil {
			return fmt.Errorf("kikigaki: %w%s", err, s.said.tail())
		}
		return nil
	case <-late.C:
		_ = s.cmd.Process.Kill()
		s.ended <- <-s.ended
		return fmt.Errorf("kikigaki does not stop within %s%s", stopWithin, s.said.tail())
	}
}
