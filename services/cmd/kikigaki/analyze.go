package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"
)

// lookEvery is how often a waiting command asks whether the answer is there.
const lookEvery = 300 * time.Millisecond

type importCommand struct {
	remote

	Files []string `arg:"" type:"existingfile" help:"Files to import."`
}

type imported struct {
	Calls []struct {
		CallID     string `json:"callId"`
		Accepted   int    `json:"accepted"`
		Duplicates int    `json:"duplicates"`
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
	for _, name := range c.Files {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		var out imported
		err = c.send(ctx, "POST", "/api/v1/calls/import", "application/jsonl", io.NopCloser(file), &out)
		if err := errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		accepted, duplicates := 0, 0
		for _, call := range out.Calls {
			accepted, duplicates = accepted+call.Accepted, duplicates+call.Duplicates
		}
		sayf("%s: %d calls, %d utterances, %d already there, %d lines refused",
			name, len(out.Calls), accepted, duplicates, len(out.Refused))
		for _, r := range out.Refused {
			sayf("  line %d: %s %s", r.Line, r.Code, r.Field)
		}
		refused += len(out.Refused)
	}
	if refused > 0 {
		return fmt.Errorf("%d lines were refused", refused)
	}
	return nil
}

type analyzeCommand struct {
	remote

	Call   string `arg:""      help:"Id of the call."`
	Prompt string `required:"" help:"Name or id of the prompt."`
	Wait   bool   `help:"Wait for the answer and print it."`
}

type analysisAnswer struct {
	ID     string `json:"id"`
	State  string `json:"state"`
	Result struct {
		Text string `json:"text"`
	} `json:"result"`
	Error struct {
		Code    string `json:"code"`
		Title   string `json:"title"`
		Message string `json:"message"`
	} `json:"error"`
}

// Run asks for an analysis and, if told so, waits for its end.
func (c *analyzeCommand) Run(ctx context.Context) error {
	prompt, err := c.prompt(ctx)
	if err != nil {
		return err
	}
	var asked struct {
		Analyses []analysisAnswer `json:"analyses"`
	}
	path := "/api/v1/calls/" + url.PathEscape(c.Call) + "/analyses"
	if err := c.call(ctx, "POST", path, map[string]string{"promptId": prompt}, &asked); err != nil {
		return err
	}
	if !c.Wait {
		sayf("%s", asked.Analyses[0].ID)
		return nil
	}
	return c.wait(ctx, asked.Analyses[0].ID)
}

// prompt finds a prompt by its name, else takes what was given for an id.
func (c *analyzeCommand) prompt(ctx context.Context) (string, error) {
	var list struct {
		Prompts []struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		} `json:"prompts"`
	}
	if err := c.call(ctx, "GET", "/api/v1/prompts", nil, &list); err != nil {
		return "", err
	}
	var names []string
	for _, p := range list.Prompts {
		if p.Name == c.Prompt || p.ID == c.Prompt {
			return p.ID, nil
		}
		names = append(names, p.Name)
	}
	return "", fmt.Errorf("there is no prompt %q; there are: %s", c.Prompt, strings.Join(names, ", "))
}

func (c *analyzeCommand) wait(ctx context.Context, id string) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		var a analysisAnswer
		if err := c.call(ctx, "GET", "/api/v1/analyses/"+id+"?full=true", nil, &a); err != nil {
			return err
		}
		switch a.State {
		case "completed":
			sayf("%s", a.Result.Text)
			return nil
		case "failed":
			return fmt.Errorf("%s (%s) %s", a.Error.Title, a.Error.Code, a.Error.Message)
		case "cancelled":
			return errors.New("the analysis was cancelled")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
