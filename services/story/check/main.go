// Command check judges saved histories of campaigns, offline:
//
//	go run ./services/story/check DIR...
//
// It prints a report of each folder's history. Its exit status is 1 when something in one of them is wrong or one
// cannot be read, and 2 when no folder was named.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/kikigaki/kikigaki/services/story/history"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(dirs []string, out, errs io.Writer) (status int) {
	if len(dirs) == 0 {
		fmt.Fprintln(errs, "usage: check DIR...")
		return 2
	}
	for _, dir := range dirs { // all of them, also behind one that is wrong
		h, err := history.Load(dir)
		if err != nil {
			fmt.Fprintln(errs, err)
			status = 1
			continue
		}
		report := history.Check(h)
		fmt.Fprintf(out, "%s: %d records\n%s", dir, len(h), report)
		if !report.OK() {
			status = 1
		}
	}
	return status
}
