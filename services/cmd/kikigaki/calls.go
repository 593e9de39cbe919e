package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
)

type importCommand struct {
	remote

	Files  []string `arg:"" help:"Files to import."`
	Format string   `help:"What they are in (default: recognised). ${formats}" placeholder:"FORMAT"`
	Call   string   `help:"Id of the call, for formats that name none." placeholder:"ID"`
}

type imported struct {
	Calls []struct {
		CallID      string `json:"callId"`
		Accepted    int    `json:"accepted"`
		Duplicates  int    `json:"duplicates"`
		Corrected   int    `json:"corrected"`
		Conflicting int    `json:"conflicting"`
	} `json:"calls"`
	Refused []struct {
		Line  int    `json:"line"`
		Field string `json:"field"`
		Code  string `json:"code"`
	} `json:"refused"`
}

// Run imports file after file and says what was refused.
func (c *importCommand) Run(ctx context.Context) error {
	refused := 0
	query := url.Values{}
	if c.Format != "" {
		query.Set("format", c.Format)
	}
	if c.Call != "" {
		query.Set("call", c.Call)
	}
	for _, name := range c.Files {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		var out imported
		err = c.send(ctx, "POST", "/api/v1/calls/import?"+query.Encode(), "application/octet-stream", io.NopCloser(file), &out)
		if err := errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		out.print(name)
		refused += len(out.Refused)
	}
	if refused > 0 {
		return fmt.Errorf("%d calls were refused; `kikigaki calls check` tells more", refused)
	}
	return nil
}

func (i imported) print(name string) {
	accepted, duplicates, corrected, conflicting := 0, 0, 0, 0
	for _, call := range i.Calls {
		accepted, duplicates = accepted+call.Accepted, duplicates+call.Duplicates
		corrected, conflicting = corrected+call.Corrected, conflicting+call.Conflicting
	}
	sayf("%s: %d calls, %d utterances, %d already there, %d corrected, %d calls refused",
		name, len(i.Calls), accepted, duplicates, corrected, len(i.Refused))
	if conflicting > 0 {
		sayf("  %d of those already there say something else than what is stored, which stays", conflicting)
	}
	for _, r := range i.Refused {
		sayf("  line %d: %s %s", r.Line, r.Code, r.Field)
	}
}

// receiptCommand shows what has arrived of a call.
type receiptCommand struct {
	remote

	Call string `arg:"" help:"Id of the call."`
}

// Run prints the receipt as the API gives it.
func (c *receiptCommand) Run(ctx context.Context) error {
	var out json.RawMessage
	if err := c.call(ctx, "GET", "/api/v1/calls/"+url.PathEscape(c.Call)+"/receipt", nil, &out); err != nil {
		return err
	}
	text, err := json.MarshalIndent(out, "", "  ")
	sayf("%s", text)
	return err
}

// eraseCommand erases a call for good.
type eraseCommand struct {
	remote

	Call string `arg:"" help:"Id of the call."`
	Yes  bool   `help:"Do not ask."`
}

// Run asks once, since nothing brings a call back.
func (c *eraseCommand) Run(ctx context.Context) error {
	if !c.Yes {
		sayf("Erase call %s, what was said in it and what was made of it? It cannot be brought back. Type yes:", c.Call)
		var answer string
		if _, err := fmt.Fscanln(os.Stdin, &answer); err != nil || answer != "yes" {
			return errors.New("nothing was erased")
		}
	}
	if err := c.call(ctx, "DELETE", "/api/v1/calls/"+url.PathEscape(c.Call), nil, nil); err != nil {
		return err
	}
	sayf("Call %s is erased.", c.Call)
	return nil
}

// exportCommand writes a call as a file.
type exportCommand struct {
	remote

	Call   string `arg:""         help:"Id of the call."`
	Format string `default:"vcon" help:"vcon or jsonl."  enum:"vcon,jsonl"`
}

// Run writes the call to standard output.
func (c *exportCommand) Run(ctx context.Context) error {
	return c.fetch(ctx, "/api/v1/calls/"+url.PathEscape(c.Call)+"/export?format="+c.Format, os.Stdout)
}
