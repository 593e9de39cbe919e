// Bench measures Kikigaki against the limits of the machine that it runs on: what is written against what the disk takes,
// a start against that of the bare log, and so on. A figure is a ratio of two that were measured side by side.
//
//	go run ./services/bench                      every row, in about five minutes
//	go run ./services/bench -rows append         those whose name fits
//	go run ./services/bench -save FILE           keep the figures
//	go run ./services/bench -compare OLD NEW     tell whether two runs agree
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"

	"github.com/kikigaki/kikigaki/services/bench/child"
	"github.com/kikigaki/kikigaki/services/bench/measure"
	"github.com/kikigaki/kikigaki/services/bench/rig"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		_, _ = fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are what a run is told.
type options struct {
	rows    *regexp.Regexp
	rounds  int
	seconds float64
	events  int
	dir     string
	save    string
	compare bool
}

const leastRounds = 3

func parse(args []string, out io.Writer) (o options, files []string, err error) {
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.SetOutput(out)
	rows := set.String("rows", "", "measure only rows whose name fits this regular `expression`")
	set.IntVar(&o.rounds, "rounds", 5, "rounds of each row, at least 3, after one to warm up; up to twice as many while its limit moves")
	set.Float64Var(&o.seconds, "seconds", 2, "how long a leg is, where that can be chosen")
	set.IntVar(&o.events, "events", 100_000, "how many events the log holds in rows that start over one")
	set.StringVar(&o.dir, "dir", os.TempDir(), "`directory` on the disk that is measured")
	set.StringVar(&o.save, "save", "", "write the figures to a `file`")
	set.BoolVar(&o.compare, "compare", false, "tell whether two saved runs agree: -compare OLD NEW; fails where they differ")
	if err = set.Parse(args); err != nil {
		return o, nil, err
	}
	if o.rounds < leastRounds || o.seconds <= 0 || o.events < 1 {
		return o, nil, fmt.Errorf("want seconds and events above 0, and at least %d rounds: fewer say nothing of their spread", leastRounds)
	}
	if files = set.Args(); o.compare != (len(files) == 2) || !o.compare && len(files) > 0 {
		return o, nil, errors.New("want flags alone, or -compare OLD NEW")
	}
	o.rows, err = regexp.Compile(*rows)
	return o, files, err
}

func run(ctx context.Context, args []string, in io.Reader, out, progress io.Writer) error {
	if len(args) == 3 && args[0] == rig.ChildCommand {
		return child.Run(ctx, args[1], args[2], in, out)
	}
	o, files, err := parse(args, progress)
	if err != nil {
		return err
	}
	if o.compare {
		return compare(out, files[0], files[1])
	}
	return bench(ctx, o, out, progress)
}

// compare fails where two runs differ by more than they say they may.
func compare(out io.Writer, old, now string) error {
	before, err := measure.Load(old)
	if err != nil {
		return err
	}
	after, err := measure.Load(now)
	if err != nil {
		return err
	}
	list := measure.Compare(before, after)
	if err := measure.WriteComparison(out, list); err != nil {
		return err
	}
	differ := 0
	for _, c := range list {
		if c.Verdict == measure.Differ {
			differ++
		}
	}
	if differ > 0 {
		return fmt.Errorf("%d figures differ by more than their spread", differ)
	}
	return nil
}
