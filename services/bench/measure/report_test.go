package measure

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func reportOf(rows ...Result) Report { return Report{Rows: rows} }

func TestTwoRunsAgreeWithinTheSpreadThatTheyState(t *testing.T) {
	t.Parallel()
	row := func(name string, ratio, spread float64) Result {
		return Result{Name: name, Unit: Time, Figure: &Ratio{Ratio: ratio, Spread: spread}}
	}
	refused := Result{Name: "r", Unit: Time, Figure: &Ratio{Ratio: 2, Spread: 0.1, Refused: "refused: it moved"}}
	for name, c := range map[string]struct {
		old, now Result
		want     []string
	}{
		"equal":               {row("r", 2, 0.01), row("r", 2, 0.01), []string{Agree}},
		"ranges overlap":      {row("r", 2, 0.1), row("r", 2.3, 0.1), []string{Agree}},
		"ranges just touch":   {row("r", 1, 0.5), row("r", 2, 0.25), []string{Agree}},
		"apart":               {row("r", 2, 0.05), row("r", 2.3, 0.05), []string{Differ}},
		"apart, the other":    {row("r", 2.3, 0.05), row("r", 2, 0.05), []string{Differ}},
		"one was refused":     {row("r", 2, 0.1), refused, []string{Unknown}},
		"one has failed":      {Result{Name: "r", Failed: "failed: it died"}, row("r", 2, 0.1), []string{Unknown}},
		"only the old has it": {row("r", 2, 0.1), row("s", 2, 0.1), []string{Unknown, Unknown}},
		"CPU by itself": {
			Result{Name: "r", Unit: Time, CPU: &Ratio{Ratio: 1, Spread: 0.1}, Figure: &Ratio{Ratio: 1, Spread: 0.1}},
			Result{Name: "r", Unit: Time, CPU: &Ratio{Ratio: 2, Spread: 0.1}, Figure: &Ratio{Ratio: 1.1, Spread: 0.1}},
			[]string{Differ, Agree},
		},
	} {
		var got []string
		for _, x := range Compare(reportOf(c.old), reportOf(c.now)) {
			got = append(got, x.Verdict)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func full() Report {
	return Report{
		Header: Header{Version: "v1", Go: "go1", CPU: "fast", Cores: 2, Kernel: "6", Filesystem: "ext4", Begun: time.Unix(0, 0).UTC()},
		Rows: []Result{
			{
				Name: "quick", Subject: "one thing", Limit: "the same", Unit: Time, Rounds: 5, Load: 0.5, Cores: 2,
				CPU: &Ratio{Subject: 140e-6, Limit: 70e-6, Ratio: 2, Spread: 0.034}, Figure: &Ratio{Subject: 0.0123, Limit: 0.001, Ratio: 12.34, Spread: 0.2},
			},
			{
				Name: "moved", Unit: Time, Rounds: 10, Load: 9, Cores: 0.7,
				Figure: &Ratio{Subject: 777, Limit: 7, Ratio: 111, LimitSpread: 0.34, Refused: "refused: the limit itself spread by 34 %"},
			},
			{Name: "large", Unit: Size, Rounds: 1, Figure: &Ratio{Subject: 69.6e6, Limit: 17.1e6, Ratio: 4.07, Spread: 0.01}},
			{Name: "wrong", Unit: Time, Failed: "failed: an event is missing"},
		},
	}
}

func TestTheTableShowsNoFigureThatWasRefused(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := full()
	if err := WriteHeader(&out, r.Header); err != nil {
		t.Fatal(err)
	}
	if err := WriteTable(&out, r.Rows); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, want := range []string{
		"Kikigaki v1 · go1 · fast, 2 cores · Linux 6 · ext4 · 1970-01-01 00:00 UTC",
		"140 µs", "70 µs", "2.00× ±4 %", "12 ms", "1.0 ms", "12.3× ±20 %", "69.6 MB", "4.07× ±1 %",
		"time refused: the limit itself spread by 34 % over 10 rounds", "failed: an event is missing", "one thing", "the same",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the table lacks %q:\n%s", want, text)
		}
	}
	for _, no := range []string{"777", "111"} {
		if strings.Contains(text, no) {
			t.Errorf("the table shows %q:\n%s", no, text)
		}
	}
	lines := strings.Split(text, "\n")
	if a, b := utf8.RuneCountInString(lines[2]), utf8.RuneCountInString(lines[3]); a != b {
		t.Errorf("the columns are not in line:\n%s", text)
	}
}

func TestAReportIsReadAsItWasSaved(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "figures.json")
	if err := full().Save(path); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(full(), got); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{"", "{}", "no JSON"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err == nil {
			t.Errorf("%q is a report", text)
		}
	}
}

func TestAComparisonIsPrintedOneFigureALine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := WriteComparison(&out, Compare(full(), full())); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	if strings.Contains(text, "missing") || !strings.Contains(text, "failed") {
		t.Errorf("a row that failed fills the table with its reason:\n%s", text)
	}
	if n := strings.Count(text, "\n"); n != 6 || strings.Count(text, Agree) != 3 || strings.Count(text, Unknown) != 2 {
		t.Errorf("%d lines:\n%s", n, text)
	}
}
