package rig

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kikigaki/kikigaki/services/bench/measure"
)

// Describe says what is measured and where; root is the source tree, dir where the disk is written to.
func Describe(ctx context.Context, root, dir string) measure.Header {
	return measure.Header{
		Version: version(ctx, root), Go: runtime.Version(), CPU: processor(), Cores: runtime.NumCPU(),
		Kernel: firstLine("/proc/sys/kernel/osrelease"), Filesystem: filesystem(dir), Begun: time.Now(),
	}
}

const unknown = "unknown"

func version(ctx context.Context, root string) string {
	out, err := exec.CommandContext(ctx, "git", "-C", root, "describe", "--always", "--tags", "--dirty").Output() //nolint:gosec // the tree we are in
	if err != nil {
		return unknown
	}
	return strings.TrimSpace(string(out))
}

func processor() string {
	data, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(data)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func firstLine(path string) string {
	data, _ := os.ReadFile(path)
	line, _, _ := bytes.Cut(data, []byte("\n"))
	return cmp.Or(string(line), unknown)
}

// filesystem is the type of what is mounted nearest above a directory.
func filesystem(dir string) string {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return unknown
	}
	file, err := os.Open("/proc/self/mounts")
	if err != nil {
		return unknown
	}
	defer func() { _ = file.Close() }()
	best, kind := "", unknown
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 3 || len(fields[1]) < len(best) {
			continue
		}
		if at := fields[1]; at == "/" || dir == at || strings.HasPrefix(dir, at+"/") {
			best, kind = at, fields[2]
		}
	}
	return kind
}

// Resident is how much memory a process has in RAM, in bytes.
func Resident(pid int) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		rest, ok := strings.CutPrefix(line, "VmRSS:")
		if !ok {
			continue
		}
		kB, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
		return kB * 1024, err
	}
	return 0, fmt.Errorf("process %d has no memory", pid)
}

// probeTime is for how long the cores are asked for.
const probeTime = 50 * time.Millisecond

// Machine tells the load average over a minute, and how many of the cores can be had just now: on each one spins, and
// what they all get is counted. 0 where the system does not tell.
func Machine() (load, cores float64) {
	load, _ = strconv.ParseFloat(strings.Fields(firstLine("/proc/loadavg"))[0], 64)
	before, err := CPUTime(os.Getpid())
	if err != nil {
		return load, 0
	}
	begun := time.Now()
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for spins := 0; time.Since(begun) < probeTime; {
				spins++
			}
		})
	}
	group.Wait()
	took := time.Since(begun)
	after, _ := CPUTime(os.Getpid())
	return load, (after - before).Seconds() / took.Seconds()
}
