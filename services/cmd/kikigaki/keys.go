package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"
)

// keyCommands keep provider keys.
type keyCommands struct {
	Form   keyFormCommand   `cmd:"" help:"Say what a key needs, which rights, and which models are known."`
	Create keyCreateCommand `cmd:"" help:"Register a key, read from standard input or KIKIGAKI_KEY_SECRET. The provider is asked first; what it refuses is not saved."`
	List   keyListCommand   `cmd:"" help:"List the keys, their limits, and what their provider last said."`
	Verify keyVerifyCommand `cmd:"" help:"Ask the provider of a key again."`
	Delete keyDeleteCommand `cmd:"" help:"Delete a key that no prompt uses."`
}

// keyAnswer is a key as the API tells it.
type keyAnswer struct {
	ID           string `json:"id"`
	Kind         string `json:"kind"`
	Name         string `json:"name"`
	SecretHint   string `json:"secretHint"`
	Organization string `json:"toldOrganization"`
	BaseURL      string `json:"baseUrl"`
	Model        string `json:"model"`
	Limits       struct {
		Requests int64 `json:"requestsPerMinute"`
		Tokens   int64 `json:"tokensPerMinute"`
		Window   int64 `json:"contextWindow"`
	} `json:"limits"`
	VerifiedAt   string `json:"verifiedAt"`
	ShutdownDate string `json:"shutdownDate"`
	ServedModel  string `json:"servedModel"`
	Refused      *struct {
		Field    string `json:"field"`
		Title    string `json:"title"`
		Provider struct {
			Message string `json:"message"`
		} `json:"provider"`
	} `json:"refused"`
	Revision uint32 `json:"revision"`
}

// print tells what is known of a key, with its hint at most.
func (k keyAnswer) print() {
	sayf("%s  %s  %s  %s", k.ID, k.Kind, k.Name, k.Model)
	sayf("  at %s, key …%s", k.BaseURL, cmp.Or(k.SecretHint, "(too short to show a part)"))
	if k.VerifiedAt == "" {
		sayf("  not verified: the provider could not be asked when it was saved")
	} else {
		sayf("  verified %s", k.VerifiedAt)
	}
	if l := k.Limits; l.Requests+l.Tokens > 0 {
		sayf("  limits: %d requests and %d tokens a minute", l.Requests, l.Tokens)
	}
	for _, line := range []struct{ about, what string }{
		{"organization", k.Organization}, {"answers as", k.ServedModel}, {"the model ends on", day(k.ShutdownDate)},
	} {
		if line.what != "" {
			sayf("  %s %s", line.about, line.what)
		}
	}
	if no := k.Refused; no != nil {
		sayf("  REFUSED since: %s (field %s): %s", no.Title, no.Field, no.Provider.Message)
	}
}

func day(text string) string {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return text
	}
	return at.UTC().Format(time.DateOnly)
}

type keyFormCommand struct {
	remote
}

// Run prints the help that the screen's form shows, too.
func (c *keyFormCommand) Run(ctx context.Context) error {
	var form struct {
		Kinds []struct {
			Kind   string `json:"kind"`
			Help   string `json:"help"`
			Fields []struct {
				Name      string `json:"name"`
				Required  bool   `json:"required"`
				MaxLength int    `json:"maxLength"`
				Default   string `json:"default"`
				Help      string `json:"help"`
			} `json:"fields"`
		} `json:"kinds"`
		Models []struct {
			Model        string `json:"model"`
			Window       int64  `json:"contextWindow"`
			ShutdownDate string `json:"shutdownDate"`
		} `json:"models"`
		ModelsAsOf string `json:"modelsAsOf"`
	}
	if err := c.call(ctx, "GET", "/api/v1/keys/form", nil, &form); err != nil {
		return err
	}
	for _, kind := range form.Kinds {
		sayf("%s: %s", kind.Kind, kind.Help)
		for _, f := range kind.Fields {
			note := ""
			if f.Required {
				note += " (required)"
			}
			if f.Default != "" {
				note += " (default " + f.Default + ")"
			}
			sayf("  %-16s %s%s", f.Name, f.Help, note)
		}
	}
	sayf("Models known on %s:", form.ModelsAsOf)
	for _, m := range form.Models {
		end := ""
		if m.ShutdownDate != "" {
			end = ", ends on " + m.ShutdownDate
		}
		sayf("  %s: %d tokens%s", m.Model, m.Window, end)
	}
	return nil
}

type keyCreateCommand struct {
	remote

	Name         string `arg:""           help:"Name of the key, once for each kind."`
	Kind         string `default:"openai" help:"Kind of key: ${enum}."                                                                        enum:"openai,azure_openai,compatible"`
	Organization string `help:"Organization ID (org-…)."`
	Project      string `help:"Project ID (proj_…)."`
	BaseURL      string `help:"Where the server is; ends in /v1 (default: the installation's, for openai)." name:"base-url"`
	Deployment   string `help:"Azure's deployment."`
	APIVersion   string `help:"Azure's api-version, for its older paths."                                    name:"api-version"`
	Model        string `help:"Model (default: the installation's, for openai)."`
	MaxOutput    int    `help:"Tokens an answer may have (default 4000)."`
	Memo         string `help:"For yourselves."`
	Unverified   bool   `help:"Save it also when the provider cannot be reached now; never when it refuses."`
}

// Run reads the secret, lets the API verify the key, and shows what was learned.
func (c *keyCreateCommand) Run(ctx context.Context) error {
	secret, err := secretGiven()
	if err != nil {
		return err
	}
	var k keyAnswer
	if err := c.call(ctx, "POST", "/api/v1/keys", map[string]any{
		"kind": c.Kind, "name": c.Name, "secret": secret, "organizationId": c.Organization, "projectId": c.Project,
		"baseUrl": c.BaseURL, "deployment": c.Deployment, "apiVersion": c.APIVersion, "model": c.Model,
		"maxOutputTokens": c.MaxOutput, "memo": c.Memo, "saveUnverified": c.Unverified,
	}, &k); err != nil {
		return err
	}
	k.print()
	return nil
}

// secretGiven is the provider's key, from where other users of the machine do not see it, as they see a command line: the
// environment, else one line of standard input.
func secretGiven() (string, error) {
	if secret := os.Getenv("KIKIGAKI_KEY_SECRET"); secret != "" {
		return secret, nil
	}
	if in, err := os.Stdin.Stat(); err == nil && in.Mode()&os.ModeCharDevice != 0 {
		sayf("Paste the API key and press Enter:")
	}
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if line = strings.TrimSpace(line); line == "" {
		return "", errors.Join(errors.New("no key came from standard input"), err)
	}
	return line, nil
}

type keyListCommand struct {
	remote
}

// Run lists all keys.
func (c *keyListCommand) Run(ctx context.Context) error {
	list, err := c.keys(ctx)
	for _, k := range list {
		k.print()
	}
	return err
}

func (r remote) keys(ctx context.Context) ([]keyAnswer, error) {
	var out struct {
		Keys []keyAnswer `json:"keys"`
	}
	err := r.call(ctx, "GET", "/api/v1/keys", nil, &out)
	return out.Keys, err
}

// key finds a key by its id, else by its name if only one has it.
func (r remote) key(ctx context.Context, named string) (keyAnswer, error) {
	list, err := r.keys(ctx)
	if err != nil {
		return keyAnswer{}, err
	}
	var found []keyAnswer
	var names []string
	for _, k := range list {
		if k.ID == named {
			return k, nil
		}
		if k.Name == named {
			found = append(found, k)
		}
		names = append(names, k.Name)
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return keyAnswer{}, fmt.Errorf("there is no key %q; there are: %s", named, strings.Join(names, ", "))
	}
	return keyAnswer{}, fmt.Errorf("%d keys are named %q, of different kinds; give the id", len(found), named)
}

type keyVerifyCommand struct {
	remote

	Key string `arg:"" help:"Name or id of the key."`
}

// Run asks the provider again; its no is an error, and is kept.
func (c *keyVerifyCommand) Run(ctx context.Context) error {
	k, err := c.key(ctx, c.Key)
	if err != nil {
		return err
	}
	if err := c.call(ctx, "POST", "/api/v1/keys/"+url.PathEscape(k.ID)+"/verify", nil, &k); err != nil {
		return err
	}
	k.print()
	return nil
}

type keyDeleteCommand struct {
	remote

	Key string `arg:"" help:"Name or id of the key."`
}

// Run deletes the key as it was listed; one that somebody has changed meanwhile stays.
func (c *keyDeleteCommand) Run(ctx context.Context) error {
	k, err := c.key(ctx, c.Key)
	if err != nil {
		return err
	}
	path := fmt.Sprintf("/api/v1/keys/%s?revision=%d", url.PathEscape(k.ID), k.Revision)
	if err := c.call(ctx, "DELETE", path, nil, nil); err != nil {
		return err
	}
	sayf("Key %s is deleted.", k.Name)
	return nil
}
