package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"text/tabwriter"
)

// deadListCommand lists what was given up on.
type deadListCommand struct {
	remote
}

type deadLetter struct {
	ID    string `json:"id"`
	Time  string `json:"time"`
	Call  string `json:"callId"`
	Code  string `json:"code"`
	Field string `json:"field"`
	Event string `json:"eventId"`
	From  string `json:"eventSource"`
}

// Run prints a line each, newest first.
func (c *deadListCommand) Run(ctx context.Context) error {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for token, more := "", true; more; more = token != "" {
		var page struct {
			DeadLetters   []deadLetter `json:"deadLetters"`
			NextPageToken string       `json:"nextPageToken"`
		}
		if err := c.call(ctx, "GET", "/api/v1/dead-letters?pageSize=200&pageToken="+url.QueryEscape(token), nil, &page); err != nil {
			return err
		}
		for _, l := range page.DeadLetters {
			_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s %s\n", l.ID, l.Time, l.Call, l.Code, l.Field, l.From, l.Event)
		}
		token = page.NextPageToken
	}
	return table.Flush()
}

// deadRedriveCommand takes dead letters in again.
type deadRedriveCommand struct {
	remote

	IDs []string `arg:"" name:"id" help:"Ids, as the list gives them."`
}

// Run stops at the first that is refused again.
func (c *deadRedriveCommand) Run(ctx context.Context) error {
	for _, id := range c.IDs {
		if err := c.call(ctx, "POST", "/api/v1/dead-letters/"+url.PathEscape(id)+"/redrive", nil, nil); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		sayf("%s is taken in.", id)
	}
	return nil
}
