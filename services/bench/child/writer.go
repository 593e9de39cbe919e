package child

import (
	"context"
	"os"
	"path/filepath"
)

// writer writes to a plain file as durably as the log does: what is written is on disk before the next is.
type writer struct {
	file *os.File
	data []byte
}

// File is where a writer writes, in its directory.
const File = "writes"

func openWriter(dir string) (*writer, error) {
	file, err := os.OpenFile(filepath.Join(dir, File), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	return &writer{file: file, data: payload(0)}, err
}

func (w *writer) operation(_ context.Context, each int) error {
	for range each {
		if _, err := w.file.Write(w.data); err != nil {
			return err
		}
		if err := w.file.Sync(); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) close(context.Context) error { return w.file.Close() }
