package rig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/kikigaki/kikigaki/services/bench/child"
)

// ChildCommand is the first argument by which this program knows that it is to be a child; what it is and where it works
// are the second and the third.
const ChildCommand = "child"

// Child is a process of this very program that is what package child says.
type Child struct {
	// URL is where it is to be found, if it serves by HTTP.
	URL string

	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *json.Decoder
	said  journal
	ended bool
}

// StartChild starts one and returns when it is ready, with the time that took from its execution and the processor time
// that it used for it.
func StartChild(ctx context.Context, what, dir string) (c *Child, ready, cpu time.Duration, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, 0, 0, err
	}
	c = &Child{cmd: exec.CommandContext(ctx, self, ChildCommand, what, dir)} //nolint:gosec // this program
	c.cmd.Stderr = &c.said
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, 0, 0, err
	}
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, 0, 0, err
	}
	c.out = json.NewDecoder(out)
	begun := time.Now()
	if err := c.cmd.Start(); err != nil {
		return nil, 0, 0, err
	}
	first, err := c.answer()
	c.URL = first.URL
	ready = time.Since(begun)
	if err == nil {
		cpu, err = CPUTime(c.PID())
	}
	if err != nil {
		return nil, 0, 0, errors.Join(err, c.Stop())
	}
	return c, ready, cpu, nil
}

// PID is the child's process id.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Ask has an order carried out. It returns what became of it, how long it took in all, and the processor time used.
func (c *Child) Ask(o child.Order) (a child.Answer, wall, cpu time.Duration, err error) {
	before, err := CPUTime(c.PID())
	if err != nil {
		return a, 0, 0, err
	}
	begun := time.Now()
	if err := json.NewEncoder(c.in).Encode(o); err != nil {
		return a, 0, 0, err
	}
	a, err = c.answer()
	wall = time.Since(begun)
	if err != nil {
		return a, 0, 0, err
	}
	after, err := CPUTime(c.PID())
	if err == nil && a.Operations == 0 {
		err = errors.New("no operation was begun")
	}
	return a, wall, after - before, err
}

func (c *Child) answer() (a child.Answer, err error) {
	if err = c.out.Decode(&a); err == nil && a.Error != "" {
		err = errors.New(a.Error)
	}
	if err != nil {
		err = fmt.Errorf("child: %w%s", err, c.said.tail())
	}
	return a, err
}

// Stop ends the child in order, and waits for it.
func (c *Child) Stop() error {
	if c == nil || c.ended {
		return nil
	}
	c.ended = true
	return errors.Join(c.in.Close(), c.cmd.Wait())
}
