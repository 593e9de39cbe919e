package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sync"
)

// Marker remembers, outside the log, which streams the log has held and in which incarnation. A stream that is remembered
// but missing was lost (its files were deleted, an empty volume was mounted) and must be restored or given up by a
// person; created anew it would pass for a new installation, and every view would be emptied after it.
//
// It is a small JSON file and safe for concurrent use.
type Marker struct {
	path string

	mu      sync.Mutex
	streams map[string]string
}

// markerContent is what the file holds.
type markerContent struct {
	// Streams are incarnations by stream name.
	Streams map[string]string `json:"streams"`
}

// LoadMarker reads the marker. A file that does not exist is a new installation and remembers nothing; one that cannot
// be read is an error, because it cannot say what is missing.
func LoadMarker(path string) (*Marker, error) {
	m := &Marker{path: path, streams: map[string]string{}}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return nil, fmt.Errorf("broker: marker: %w", err)
	}
	var content markerContent
	if err := json.Unmarshal(text, &content); err != nil {
		return nil, fmt.Errorf("broker: marker %s: %w", path, err)
	}
	maps.Copy(m.streams, content.Streams)
	return m, nil
}

// Remembered is a copy of what is remembered: incarnations by stream name.
func (m *Marker) Remembered() map[string]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.streams)
}

// Remember notes that a stream exists in an incarnation and returns when that is on disk. It replaces an earlier
// incarnation and writes nothing when it is known already.
func (m *Marker) Remember(stream, incarnation string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if known, ok := m.streams[stream]; ok && known == incarnation {
		return nil
	}
	next := maps.Clone(m.streams)
	next[stream] = incarnation
	if err := writeMarker(m.path, markerContent{Streams: next}); err != nil {
		return fmt.Errorf("broker: marker: %w", err)
	}
	m.streams = next
	return nil
}

// writeMarker replaces the file as a whole, so that a crash at any moment leaves the old one or the new one: content
// first, then its name, each synced.
func writeMarker(path string, content markerContent) error {
	text, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }() // gone already when all went well
	_, err = temporary.Write(append(text, '\n'))
	if err = errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
