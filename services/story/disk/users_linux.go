package disk

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// unused tells that no process has a file open below a path; else its error names one that has. A program in a mount
// namespace of its own sees the same path, and is found by it.
func unused(path string) error {
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return err
	}
	for _, link := range links {
		file, err := os.Readlink(link)
		if err != nil || file != path && !strings.HasPrefix(file, path+"/") {
			continue // it has ended meanwhile, or is about something else
		}
		process := strings.Split(link, "/")[2]
		name, _ := os.ReadFile("/proc/" + process + "/comm")
		return fmt.Errorf("process %s (%s) still runs and has %s open: kill it first", process, strings.TrimSpace(string(name)), file)
	}
	return nil
}
