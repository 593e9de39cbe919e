package streamtest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// maxDiary bounds what is printed of a failed test: the newest lines.
const maxDiary = 200

// diary keeps what servers say and prints it if the test fails. It never writes while the test runs: a server may still
// be talking when its test has ended, and testing refuses that with a panic.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func keepDiary(t testing.TB) *diary {
	t.Helper()
	d := &diary{}
	t.Cleanup(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if t.Failed() {
			for _, line := range d.lines {
				t.Log(line)
			}
		}
	})
	return d
}

func (d *diary) note(level, format string, args []any) {
	line := fmt.Sprintf("nats-server %s %s ", time.Now().Format("15:04:05.000"), level) + fmt.Sprintf(format, args...)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lines = append(d.lines, line); len(d.lines) > maxDiary {
		d.lines = d.lines[1:]
	}
}

// Noticef, Warnf, Errorf, Fatalf, Debugf and Tracef are what the server asks of a logger. Fatalf returns: the server
// stops by itself, and the test binary must not.
//
// Of the notices only those about leaders are kept; the rest is what every server says at its start.
func (d *diary) Noticef(format string, args ...any) {
	if strings.Contains(format, "leader") {
		d.note("INF", format, args)
	}
}
func (d *diary) Warnf(format string, args ...any)  { d.note("WRN", format, args) }
func (d *diary) Errorf(format string, args ...any) { d.note("ERR", format, args) }
func (d *diary) Fatalf(format string, args ...any) { d.note("FTL", format, args) }
func (d *diary) Debugf(string, ...any)             {}
func (d *diary) Tracef(string, ...any)             {}
