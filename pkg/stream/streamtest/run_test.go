package streamtest

import (
	"os"
	"testing"

	"github.com/nats-io/nats.go"
)

func TestAServerOutsideATestKeepsAStreamAndLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()) // where the server is to put its files
	nc, stop, err := Run()
	if err != nil {
		t.Fatal(err)
	}
	js := jetStream(t, nc)
	declare(t, js, "TRIAL", 1)
	publish(t, js, "trial.a", "kept")
	if got := last(t, js, "TRIAL", "trial.a"); got != "kept" {
		t.Errorf("the stream holds %q", got)
	}
	stop()
	stop()
	if nc.Status() != nats.CLOSED {
		t.Errorf("the connection is %s", nc.Status())
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestAServerThatCannotStartOutsideATestSaysSo(t *testing.T) {
	t.Setenv("TMPDIR", "/dev/null/nowhere")
	if _, _, err := Run(); err == nil {
		t.Error("started over a store that cannot be")
	}
}
