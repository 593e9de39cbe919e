package story_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// binary is where TestMain has built the program under test.
var binary string //nolint:gochecknoglobals // set once, before any test

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "kikigaki-story-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "kikigaki")
	build := exec.Command("go", "build", "-race", "-o", binary, "../cmd/kikigaki")
	build.Stdout, build.Stderr = os.Stdout, os.Stderr
	code := 1
	if err := build.Run(); err == nil {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	patient().CloseIdleConnections()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}
