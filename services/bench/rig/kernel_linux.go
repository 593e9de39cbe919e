package rig

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// CPUTime is the processor time, user and system, that a process has used with all its threads, ended ones included. It
// is the kernel's own count in nanoseconds: that in /proc/PID/stat comes in hundredths of a second.
func CPUTime(pid int) (time.Duration, error) {
	const wholeProcess = 2 // the clock's kind: what was run, of all threads
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|wholeProcess), &t); err != nil {
		return 0, fmt.Errorf("processor time of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// free is how many bytes may be written below a path.
func free(path string) uint64 {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0
	}
	return s.Bavail * uint64(s.Bsize)
}
