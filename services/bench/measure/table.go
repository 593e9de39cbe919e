package measure

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// WriteHeader says what is measured and where.
func WriteHeader(w io.Writer, h Header) error {
	_, err := fmt.Fprintf(w, "Kikigaki %s · %s · %s, %d cores · Linux %s · %s · %s\n",
		h.Version, h.Go, h.CPU, h.Cores, h.Kernel, h.Filesystem, h.Begun.UTC().Format("2006-01-02 15:04 UTC"))
	return err
}

// WriteTable prints rows one a line, and below what has to be known to read them.
func WriteTable(w io.Writer, rows []Result) error {
	lines := [][]string{
		{"", "CPU", "", "", "TIME, SIZE", "", "", "", "", ""},
		{"ROW", "ours", "limit", "ratio", "ours", "limit", "ratio", "LOAD", "CORES", "ROUNDS"},
	}
	for _, r := range rows {
		lines = append(lines, r.cells())
	}
	if err := align(w, lines); err != nil {
		return err
	}
	_, err := io.WriteString(w, notes(rows))
	return err
}

func (r Result) cells() []string {
	if r.Failed != "" {
		return []string{r.Name, "failed", "", "", "failed", "", "", "", "", ""}
	}
	cells := append([]string{r.Name}, r.CPU.cells(Time)...)
	cells = append(cells, r.Figure.cells(r.Unit)...)
	return append(cells, fmt.Sprintf("%.1f", r.Load), fmt.Sprintf("%.1f", r.Cores), fmt.Sprint(r.Rounds))
}

func (r *Ratio) cells(unit Unit) []string {
	switch {
	case r == nil:
		return []string{"-", "-", "-"}
	case r.Refused != "":
		return []string{"refused", "", ""}
	default:
		return []string{amount(unit, r.Subject), amount(unit, r.Limit), r.words()}
	}
}

// amount is a figure in a unit that people can read.
func amount(unit Unit, value float64) string {
	if unit == Size {
		return fmt.Sprintf("%.1f MB", value/1e6)
	}
	switch d := time.Duration(value * 1e9); {
	case d >= 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%.0f ms", value*1e3)
	case d >= time.Millisecond:
		return fmt.Sprintf("%.1f ms", value*1e3)
	default:
		return fmt.Sprintf("%.0f µs", value*1e6)
	}
}

// notes explain each row's subject and limit, what was refused or failed, and the columns.
func notes(rows []Result) string {
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "\n%s\n  ours   %s\n  limit  %s\n", r.Name, r.Subject, r.Limit)
		if r.Failed != "" {
			fmt.Fprintf(&b, "  %s\n", r.Failed)
			continue
		}
		writeRefusal(&b, "CPU", r.CPU, r.Rounds)
		writeRefusal(&b, string(r.Unit), r.Figure, r.Rounds)
	}
	fmt.Fprintf(&b, `
ours, limit  medians over the rounds, in which limit and subject take turns after one round to warm up
CPU          processor time, user and system, of the processes concerned, per operation
ratio        median of the rounds' own ratios, ± how far those lie apart: (q3-q1)/median
refused      the limit itself, (q3-q1)/median, moved by more than %.0f %%: there is nothing to compare with
LOAD, CORES  the machine's load average, and how many of its cores could be had between the rounds
`, MaxSpread*100)
	return b.String()
}

func writeRefusal(b *strings.Builder, figure string, r *Ratio, rounds int) {
	if r != nil && r.Refused != "" {
		fmt.Fprintf(b, "  %s %s over %d rounds\n", figure, r.Refused, rounds)
	}
}

// WriteComparison prints what two runs have to say about each other.
func WriteComparison(w io.Writer, list []Comparison) error {
	lines := [][]string{{"ROW", "FIGURE", "OLD", "NEW", "OLD CORES", "NEW CORES", ""}}
	for _, c := range list {
		lines = append(lines, []string{c.Row, c.Figure, c.Old, c.New, fmt.Sprintf("%.1f", c.OldCores), fmt.Sprintf("%.1f", c.NewCores), c.Verdict})
	}
	return align(w, lines)
}

// align prints lines of cells in columns: the first to the left, all others to the right.
func align(w io.Writer, lines [][]string) error {
	widths := make([]int, len(lines[0]))
	for _, cells := range lines {
		for i, c := range cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	for _, cells := range lines {
		var line strings.Builder
		for i, c := range cells {
			gap := strings.Repeat(" ", int(math.Max(0, float64(widths[i]-utf8.RuneCountInString(c)))))
			if i == 0 {
				line.WriteString(c + gap)
				continue
			}
			line.WriteString("  " + gap + c)
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(line.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}
