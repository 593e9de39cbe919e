package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// lookEvery is how often a waiting command asks whether the answer is there.
const lookEvery = 300 * time.Millisecond

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
	list, err := c.prompts(ctx)
	if err != nil {
		return "", err
	}
	p, err := list.find(c.Prompt)
	return p.ID, err
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
