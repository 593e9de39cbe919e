package broker

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAnEmbeddedServerOpensNoPort(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]int{"": 0, "127.0.0.1:0": 1} {
		p := startChild(t, t.TempDir(), listen)
		p.awaitAck(t, 1)
		if got := listeningSockets(t, p.cmd.Process.Pid); got != want {
			t.Errorf("listen %q: %d sockets accept connections, want %d", listen, got, want)
		}
	}
}

// listeningSockets counts the TCP sockets on which a process accepts connections.
func listeningSockets(t *testing.T, pid int) int {
	t.Helper()
	listening := map[string]bool{}
	for _, table := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			const listen, state, inode = "0A", 3, 9
			if f := strings.Fields(line); len(f) > inode && f[state] == listen {
				listening["socket:["+f[inode]+"]"] = true
			}
		}
	}
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil || len(files) == 0 {
		t.Fatalf("cannot see the files of process %d: %v", pid, err)
	}
	n := 0
	for _, file := range files {
		if target, err := os.Readlink(file); err == nil && listening[target] {
			n++
		}
	}
	return n
}
