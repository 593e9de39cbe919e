package rig

import (
	"bytes"
	"sync"
)

// journal keeps the end of what a process says, to be told when it fails.
type journal struct {
	mu   sync.Mutex
	text []byte
}

const journalSize = 4000

// Write keeps what fits.
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.text = append(j.text, p...)
	j.text = bytes.Clone(j.text[max(0, len(j.text)-journalSize):])
	return len(p), nil
}

// tail is what is added to an error.
func (j *journal) tail() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.text) == 0 {
		return ""
	}
	return "\n" + string(j.text)
}
