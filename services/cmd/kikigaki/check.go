package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/services/internal/catalogue"
	"github.com/kikigaki/kikigaki/services/internal/formats"
)

type checkCommand struct {
	Files  []string `arg:"" help:"Files to check."`
	Format string   `help:"What they are in (default: recognised). ${formats}" placeholder:"FORMAT"`
	Call   string   `help:"Id of the call, for formats that name none." placeholder:"ID"`
}

// Run tells a publisher what would be made of files, member by member, without sending anything anywhere.
func (c *checkCommand) Run(ctx context.Context) error {
	texts, err := catalogue.Load()
	if err != nil {
		return err
	}
	refused := 0
	for _, name := range c.Files {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		seen := newChecked(texts)
		err = seen.read(ctx, file, formats.Options{Format: formats.Format(c.Format), CallID: c.Call, Findings: true})
		if err := errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		seen.print(os.Stdout, name)
		refused += len(seen.refused)
	}
	if refused > 0 {
		return fmt.Errorf("%d would be refused", refused)
	}
	return nil
}

// checked is what became of a file. Equal findings of several lines are one.
type checked struct {
	texts             *catalogue.Catalogue
	titles            []string
	calls, utterances int
	findings          []formats.Finding
	place             map[formats.Finding]int
	refused           []string
}

func newChecked(texts *catalogue.Catalogue) *checked {
	return &checked{texts: texts, place: map[formats.Finding]int{}}
}

func (c *checked) read(ctx context.Context, file io.Reader, o formats.Options) error {
	for doc, err := range formats.Read(file, o) {
		if err := cmp.Or(err, ctx.Err()); err != nil {
			return err
		}
		c.title(doc.Format)
		if doc.Call != nil {
			c.calls++
			c.utterances += len(doc.Call.Utterances)
		}
		for _, f := range doc.Findings {
			c.add(f)
		}
		if f, ok := fault.As(doc.Err); ok {
			c.refused = append(c.refused, fmt.Sprintf("  line %d: %s", doc.Line, c.why(f)))
		}
	}
	return nil
}

func (c *checked) title(f formats.Format) {
	for _, info := range formats.Formats() {
		title := info.Title
		if info.Experimental {
			title += " (experimental)"
		}
		if info.Name == f && !strings.Contains(strings.Join(c.titles, ", "), title) {
			c.titles = append(c.titles, title)
		}
	}
}

// why is a refusal in a sentence.
func (c *checked) why(f *fault.Error) string {
	text := c.texts.Text("en", "problem."+f.Code+".title", f.Params) + " (" + f.Code + ")"
	if f.Field != "" {
		text = f.Field + ": " + text
	}
	for _, k := range []string{"limit", "length", "allowed", "reason"} {
		if v := f.Params[k]; v != "" {
			text += ", " + k + " " + v
		}
	}
	return text
}

func (c *checked) add(f formats.Finding) {
	count := f.Count
	f.Line, f.Count = 0, 0
	at, known := c.place[f]
	if !known {
		at = len(c.findings)
		c.place[f] = at
		c.findings = append(c.findings, f)
	}
	c.findings[at].Count += count
}

func (c *checked) print(w io.Writer, name string) {
	_, _ = fmt.Fprintf(w, "%s: %s, %d calls, %d utterances\n", name,
		cmp.Or(strings.Join(c.titles, ", "), "unknown format"), c.calls, c.utterances)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, o := range []formats.Outcome{formats.Understood, formats.Mapped, formats.Ignored, formats.Refused} {
		for _, f := range c.findings {
			if f.Outcome != o {
				continue
			}
			to := ""
			if f.To != "" {
				to = "-> " + f.To
			}
			_, _ = fmt.Fprintf(table, "  %s\t%s\t%s\t%dx\t%s\n", o, cmp.Or(f.Path, "(all of it)"), to, f.Count, c.note(f))
		}
	}
	_ = table.Flush()
	for _, line := range c.refused {
		_, _ = fmt.Fprintln(w, line)
	}
}

// note is what the catalogue says about a finding.
func (c *checked) note(f formats.Finding) string {
	if f.Note == "" || f.Outcome == formats.Refused {
		return f.Note
	}
	key := "finding." + f.Note
	if text := c.texts.Text("en", key, nil); text != key {
		return text
	}
	return f.Note
}

// formatNames lists the formats for a command's help.
func formatNames() string {
	var names []string
	for _, f := range formats.Formats() {
		names = append(names, string(f.Name))
	}
	return "One of " + strings.Join(names, ", ") + "."
}
