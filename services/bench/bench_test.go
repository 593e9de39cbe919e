package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/kikigaki/kikigaki/services/bench/measure"
	"github.com/kikigaki/kikigaki/services/bench/rig"
)

// TestMain is also what the children of these tests run: they are this very program.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == rig.ChildCommand {
		if err := run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// A row from its children to what is saved. Whether its figures may be shown depends on who else uses the machine.
func TestARowIsMeasuredAndSaved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	saved := filepath.Join(dir, "figures.json")
	var out, progress bytes.Buffer
	args := []string{"-rows", "^append", "-rounds", "3", "-seconds", "0.03", "-dir", dir, "-save", saved}
	if err := run(t.Context(), args, nil, &out, &progress); err != nil {
		t.Fatalf("%v: %s", err, progress.String())
	}
	for _, want := range []string{"Kikigaki", "append, durable", "write and fsync"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, out.String())
		}
	}
	report, err := measure.Load(saved)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Rows) != 1 || report.Rows[0].Failed != "" || report.Rows[0].Figure.Ratio <= 0 || report.Rows[0].CPU.Ratio <= 0 {
		t.Errorf("%+v", report.Rows)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("it leaves %v behind, %v", left, err)
	}
}

func TestTwoSavedRunsAreCompared(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	save := func(name string, ratio float64) string {
		path := filepath.Join(dir, name)
		row := measure.Result{Name: "append", Unit: measure.Time, Figure: &measure.Ratio{Ratio: ratio, Spread: 0.1}}
		if err := (measure.Report{Rows: []measure.Result{row}}).Save(path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	one, near, far := save("one", 2), save("near", 2.1), save("far", 20)
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-compare", one, near}, nil, &out, &out); err != nil {
		t.Errorf("%v:\n%s", err, out.String())
	}
	if err := run(t.Context(), []string{"-compare", one, far}, nil, &out, &out); err == nil {
		t.Error("a tenfold difference is none")
	}
	if strings.Count(out.String(), measure.Agree) != 1 || strings.Count(out.String(), measure.Differ) != 1 {
		t.Error(out.String())
	}
}

// What the children say they did is not believed: the disk is asked.
func TestARowFailsWhenAnAcknowledgedEventIsNotThere(t *testing.T) {
	t.Parallel()
	l, err := newLab(options{rounds: 1, seconds: 0.02, dir: t.TempDir()}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	for name, lie := range map[string]func(*appends){
		"an event":   func(a *appends) { a.appended++ },
		"some bytes": func(a *appends) { a.written++ },
	} {
		row := measure.Row{Name: name, Open: func(ctx context.Context) (measure.Trial, error) {
			t, err := l.openAppend(ctx)
			if a, ok := t.(*appends); ok {
				lie(a)
			}
			return t, err
		}}
		r := measure.Measure(t.Context(), row, measure.Plan{Rounds: 1, Machine: func() (float64, float64) { return 0, 0 }})
		if !strings.Contains(r.Failed, "failed: ") {
			t.Errorf("%s missing, and nobody notices: %+v", name, r)
		}
	}
}

func TestEveryRowIsToldApart(t *testing.T) {
	t.Parallel()
	l := &lab{options: options{events: 100_000}}
	seen := map[string]bool{}
	for _, r := range l.rows() {
		if r.Name == "" || r.Subject == "" || r.Limit == "" || r.Open == nil || seen[r.Name] {
			t.Errorf("%+v", r)
		}
		seen[r.Name] = true
	}
	if len(seen) < 6 {
		t.Errorf("%d rows", len(seen))
	}
}

func TestWhatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"-rounds", "2"}, {"-seconds", "0"}, {"-seconds", "-1"}, {"-events", "0"}, {"-rows", "("}, {"-nonsense"},
		{"left over"}, {"-compare", "one"}, {"-compare", "one", "two", "three"}, {"one", "two"},
		{"-compare", "not there", "not there either"}, {"-rows", "no row has this name"},
	} {
		var out bytes.Buffer
		if err := run(t.Context(), args, nil, &out, &out); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
	if _, _, err := parse([]string{"-h"}, &bytes.Buffer{}); err != flag.ErrHelp { //nolint:errorlint // the flag package's own
		t.Error(err)
	}
}

// Whoever has seen enough may stop it: it says what is missing, and leaves nothing behind.
func TestARunThatIsStoppedLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	err := run(ctx, []string{"-rows", "^append", "-dir", dir, "-save", filepath.Join(dir, "figures.json")}, nil, &out, &out)
	if err == nil || !strings.Contains(err.Error(), "append, durable and what follows was not measured") {
		t.Errorf("%v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("it leaves %v behind, %v", left, err)
	}
}
