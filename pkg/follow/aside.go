package follow

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// keptAside is how many views that were put aside are kept; the oldest go first.
const keptAside = 3

// putAside renames a view that is not to be used any more.
func putAside(path string) error {
	old := fmt.Sprintf("%s.aside-%s", path, time.Now().UTC().Format("20060102T150405.000000"))
	if err := os.Rename(path, old); err != nil {
		return fmt.Errorf("follow: put the old view aside: %w", err)
	}
	aside, err := filepath.Glob(path + ".aside-*")
	if err != nil || len(aside) <= keptAside {
		return err
	}
	slices.Sort(aside)
	for _, surplus := range aside[:len(aside)-keptAside] {
		if err := os.Remove(surplus); err != nil {
			return fmt.Errorf("follow: remove an old view: %w", err)
		}
	}
	return nil
}
