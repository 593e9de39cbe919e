// Command able says which stories cannot be told on this machine, and why: what a test skips is not seen in the output of
// a run that passes.
package main

import (
	"fmt"
	"os"

	"github.com/kikigaki/kikigaki/services/story/disk"
)

func main() {
	able := true
	for what, err := range map[string]error{
		"stories that cut the power": disk.Available(),
		"stories that fill the disk": disk.AvailableLimited(),
	} {
		if err != nil {
			able = false
			_, _ = fmt.Fprintf(os.Stdout, "SKIPPED here: %s: %v\n", what, err)
		}
	}
	if able {
		_, _ = fmt.Fprintln(os.Stdout, "Nothing is skipped here: the power can be cut and the disk be filled.")
	}
}
