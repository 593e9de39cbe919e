package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Name of a history's file in its folder.
const Name = "history.jsonl"

// Recorder writes a history. It is safe for concurrent use.
type Recorder struct {
	opened time.Time

	mu   sync.Mutex
	file *os.File
	out  *bufio.Writer
	err  error // the first
}

// Open makes a folder and begins a history in it. A folder holds one history: offsets of two would not compare, so it
// is an error when one is there.
func Open(dir string) (*Recorder, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // a history is there to be read
		return nil, fmt.Errorf("history: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, Name), os.O_CREATE|os.O_EXCL|os.O_APPEND|os.O_WRONLY, 0o644) //nolint:gosec // as above
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	return &Recorder{opened: time.Now(), file: file, out: bufio.NewWriter(file)}, nil
}

// Now is the present moment of the history.
func (r *Recorder) Now() Offset { return Offset(time.Since(r.opened).Microseconds()) }

// Add writes records, each with the present moment, and hands them to the operating system before it returns: what the
// harness saw before it crashed is there. The first error is kept for [Recorder.Close], and ends the history.
func (r *Recorder) Add(records ...Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, record := range records {
		record.At = r.Now() // under the lock, so that lines are in the order of time
		r.write(record)
	}
}

func (r *Recorder) write(record Record) {
	if r.err != nil {
		return
	}
	if r.err = record.valid(); r.err != nil {
		return
	}
	line, err := json.Marshal(record)
	if err != nil {
		r.err = err
		return
	}
	_, err = r.out.Write(append(line, '\n'))
	r.err = errors.Join(err, r.out.Flush())
}

// Close ends the history. Its error is the first that any record met: a history with an error is not whole.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := errors.Join(r.err, r.file.Close()); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	r.err = os.ErrClosed
	return nil
}
