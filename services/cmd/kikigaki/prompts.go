package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// promptCommands look at prompts and put them into order.
type promptCommands struct {
	List      promptListCommand      `cmd:"" help:"List the prompts in their order, and why one cannot be used."`
	Revisions promptRevisionsCommand `cmd:"" help:"List who changed a prompt, when, and what."`
	Compare   promptCompareCommand   `cmd:"" help:"Show what differs between two revisions: [-removed-]{+added+}."`
	Move      promptMoveCommand      `cmd:"" help:"Put a prompt first, last or at a place."`
}

// promptAnswer is a prompt as the API tells it.
type promptAnswer struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Broken *struct {
		Title string `json:"title"`
	} `json:"broken"`
}

// promptsAnswer is the list, and the revision of its order.
type promptsAnswer struct {
	Prompts  []promptAnswer `json:"prompts"`
	Revision uint32         `json:"revision"`
}

func (r remote) prompts(ctx context.Context) (list promptsAnswer, err error) {
	err = r.call(ctx, "GET", "/api/v1/prompts", nil, &list)
	return list, err
}

// find finds a prompt by its name or its id; the error names those there are.
func (l promptsAnswer) find(name string) (promptAnswer, error) {
	var names []string
	for _, p := range l.Prompts {
		if p.Name == name || p.ID == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return promptAnswer{}, fmt.Errorf("there is no prompt %q; there are: %s", name, strings.Join(names, ", "))
}

// ask asks for something about a prompt.
func (r remote) ask(ctx context.Context, name, about string, out any) error {
	list, err := r.prompts(ctx)
	if err != nil {
		return err
	}
	p, err := list.find(name)
	if err != nil {
		return err
	}
	return r.call(ctx, "GET", "/api/v1/prompts/"+url.PathEscape(p.ID)+about, nil, out)
}

type promptListCommand struct{ remote }

// Run lists the prompts.
func (c *promptListCommand) Run(ctx context.Context) error {
	list, err := c.prompts(ctx)
	for i, p := range list.Prompts {
		text := fmt.Sprintf("%d  %s", i+1, p.Name)
		if p.Broken != nil {
			text += "  (" + p.Broken.Title + ")"
		}
		sayf("%s", text)
	}
	return err
}

type promptRevisionsCommand struct {
	remote

	Prompt string `arg:"" help:"Name or id of the prompt."`
}

// Run lists the revisions of a prompt, the newest first.
func (c *promptRevisionsCommand) Run(ctx context.Context) error {
	var got struct {
		Revisions []struct {
			Revision  uint32   `json:"revision"`
			ChangedAt string   `json:"changedAt"`
			Changed   []string `json:"changed"`
			ChangedBy struct {
				Name string `json:"name"`
			} `json:"changedBy"`
		} `json:"revisions"`
	}
	err := c.ask(ctx, c.Prompt, "/revisions", &got)
	for _, r := range got.Revisions {
		sayf("%d  %s  %s  %s", r.Revision, r.ChangedAt, r.ChangedBy.Name, strings.Join(r.Changed, ", "))
	}
	return err
}

type promptCompareCommand struct {
	remote

	Prompt string `arg:""     help:"Name or id of the prompt."`
	From   uint32 `help:"Revision to begin with (default: the one before the other)."`
	To     uint32 `help:"Revision to end with (default: the newest)."`
}

// Run compares two revisions of a prompt.
func (c *promptCompareCommand) Run(ctx context.Context) error {
	var got struct {
		From    uint32 `json:"from"`
		To      uint32 `json:"to"`
		Changes []struct {
			Field  string `json:"field"`
			Before string `json:"before"`
			After  string `json:"after"`
			Parts  []struct {
				Kind string `json:"kind"`
				Text string `json:"text"`
			} `json:"parts"`
		} `json:"changes"`
	}
	if err := c.ask(ctx, c.Prompt, fmt.Sprintf("/compare?from=%d&to=%d", c.From, c.To), &got); err != nil {
		return err
	}
	sayf("revision %d to %d", got.From, got.To)
	for _, change := range got.Changes {
		var text strings.Builder
		for _, p := range change.Parts {
			text.WriteString(map[string]string{"removed": "[-", "added": "{+"}[p.Kind] + p.Text +
				map[string]string{"removed": "-]", "added": "+}"}[p.Kind])
		}
		if len(change.Parts) == 0 {
			fmt.Fprintf(&text, "[-%s-]{+%s+}", change.Before, change.After)
		}
		sayf("%s: %s", change.Field, &text)
	}
	return nil
}

type promptMoveCommand struct {
	remote

	Prompt string `arg:"" help:"Name or id of the prompt."`
	To     string `arg:"" help:"top, bottom, or a place from 1."`
}

// Run moves a prompt in the order that it finds; who changes the order meanwhile is named.
func (c *promptMoveCommand) Run(ctx context.Context) error {
	list, err := c.prompts(ctx)
	if err != nil {
		return err
	}
	p, err := list.find(c.Prompt)
	if err != nil {
		return err
	}
	body := map[string]any{"to": c.To, "revision": list.Revision}
	if place, err := strconv.ParseUint(c.To, 10, 32); err == nil {
		body["to"], body["position"] = "position", place
	}
	var moved struct {
		Position uint32 `json:"position"`
	}
	if err := c.call(ctx, "POST", "/api/v1/prompts/"+url.PathEscape(p.ID)+"/move", body, &moved); err != nil {
		return err
	}
	sayf("%s is now at place %d", p.Name, moved.Position)
	return nil
}
