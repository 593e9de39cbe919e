package broker

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// This test binary, started with these in its environment, is a process that owns an embedded log: the only way to see
// what a kill leaves behind and which ports a process has open.
const (
	childDir    = "KIKIGAKI_BROKER_TEST_DIR"
	childListen = "KIKIGAKI_BROKER_TEST_LISTEN"
)

// child publishes as fast as it can and prints the number of each acknowledged message. It ends with its parent, whose
// end of standard input closes.
func child(dir, listen string) int {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(2)
	}()
	if err := publishForEver(context.Background(), dir, listen); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return 1
}

func publishForEver(ctx context.Context, dir, listen string) error {
	b, err := Start(ctx, Config{
		DataDir: dir, Listen: listen, Publishers: nobody, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	if _, err := b.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: "TRIAL", Subjects: []string{"trial"}}); err != nil {
		return err
	}
	for i := 1; ; i++ {
		if _, err := b.js.Publish(ctx, "trial", []byte(strconv.Itoa(i))); err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, i)
	}
}

// process is a running child.
type process struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
	acked uint64
}

func startChild(t *testing.T, dir, listen string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childListen+"="+listen)
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, lines: bufio.NewScanner(out)}
	t.Cleanup(func() { p.kill(t) })
	return p
}

// awaitAck returns when at least n more messages were acknowledged.
func (p *process) awaitAck(t *testing.T, n uint64) {
	t.Helper()
	for want := p.acked + n; p.acked < want; {
		if !p.lines.Scan() {
			t.Fatalf("the child ended after %d acknowledged messages", p.acked)
		}
		p.note(t)
	}
}

func (p *process) note(t *testing.T) {
	t.Helper()
	n, err := strconv.ParseUint(strings.TrimSpace(p.lines.Text()), 10, 64)
	if err != nil {
		t.Fatalf("the child printed %q", p.lines.Text())
	}
	p.acked = n
}

// kill ends the process as the kernel would, and reads what it still had acknowledged.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if p.cmd.ProcessState != nil {
		return
	}
	_ = p.cmd.Process.Kill()
	for p.lines.Scan() {
		p.note(t)
	}
	_ = p.cmd.Wait()
}
