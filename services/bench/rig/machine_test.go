package rig

import (
	"math"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestTheKernelTellsWhatAProcessUses(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells")
	}
	before, err := CPUTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for after := before; after < before+10*time.Millisecond; {
		if after, err = CPUTime(os.Getpid()); err != nil {
			t.Fatal(err)
		}
	}
	if size, err := Resident(os.Getpid()); err != nil || size < 1e6 {
		t.Errorf("%v bytes, %v", size, err)
	}
	load, cores := Machine()
	if load < 0 || cores <= 0 || cores > float64(runtime.NumCPU())+0.5 {
		t.Errorf("load %v, %v cores of %d", load, cores, runtime.NumCPU())
	}
	if _, err := CPUTime(math.MaxInt32 >> 4); err == nil {
		t.Error("the processor time of nobody")
	}
	if _, err := Resident(math.MaxInt32); err == nil {
		t.Error("the memory of nobody")
	}
}

func TestTheHeaderSaysWhatIsMeasuredAndWhere(t *testing.T) {
	t.Parallel()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	h := Describe(t.Context(), root, t.TempDir())
	if h.Version == "" || h.Go != runtime.Version() || h.CPU == "" || h.Cores < 1 || h.Kernel == "" || h.Filesystem == "" {
		t.Errorf("%+v", h)
	}
	if got := filesystem("/proc/self/nowhere"); got != unknown {
		t.Errorf("a directory that is not there is on %s", got)
	}
	if got := filesystem("/proc"); runtime.GOOS == "linux" && got != "proc" {
		t.Errorf("/proc is on %s", got)
	}
}

func TestAJournalKeepsTheEnd(t *testing.T) {
	t.Parallel()
	var j journal
	if j.tail() != "" {
		t.Error("it says something before anything was said")
	}
	for range 100 {
		_, _ = j.Write([]byte(strings.Repeat("x", 99) + "\n"))
	}
	_, _ = j.Write([]byte("the end"))
	if got := j.tail(); len(got) > journalSize+1 || !strings.HasSuffix(got, "x\nthe end") {
		t.Errorf("%d bytes: %q", len(got), got[max(0, len(got)-20):])
	}
}
