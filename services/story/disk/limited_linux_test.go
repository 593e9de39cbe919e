package disk_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/kikigaki/kikigaki/services/story/disk"
)

func TestALimitedDiskRunsFullAndIsGoneAfterwards(t *testing.T) {
	t.Parallel()
	if err := disk.AvailableLimited(); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	l, err := disk.NewLimited(t.Context(), dir, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(l.Path(), "fits"), make([]byte, 1<<19), 0o600); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(l.Path(), "does-not"), make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("beyond its size: %v", err)
	}
	for range 2 {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v %v", left, err)
	}
}
