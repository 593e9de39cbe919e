package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/kikigaki/kikigaki/pkg/fault"
	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	"github.com/kikigaki/kikigaki/services/story/testdata/dialogues"
)

// sample is how many dialogues of a set the demo shows.
type sample struct {
	file  string
	lines int
}

// seeding gives an empty installation something to look at. What is there already stays as it is.
type seeding struct {
	p    *process
	base string // of the simulated provider
}

// run fills two tenants and returns an API token of the first one's administrator.
func (s seeding) run(ctx context.Context) (string, error) {
	token, err := s.tenant(ctx, bootstrapTenant, []sample{
		{"open-ja-asdc.jsonl", 12}, {"open-en-vcon.jsonl", 4}, {"open-en-star.jsonl", 4},
		{"open-en-harpervalley-sample.jsonl", 1}, {"open-en-abcd-sample.jsonl", 3}, {"open-en-long-earnings21.jsonl", 1},
	}, "ja")
	if err != nil {
		return "", err
	}
	err = s.p.accounts.AddTenant(ctx, "other", "other-admin", demoPassword)
	if err != nil && !fault.Is(err, "TENANT_EXISTS") {
		return "", err
	}
	_, err = s.tenant(ctx, "other", []sample{{"open-en-vcon.jsonl", 2}}, "en")
	return token, err
}

func (s seeding) tenant(ctx context.Context, tenant string, calls []sample, language string) (string, error) {
	admin, err := s.admin(ctx, tenant)
	if err != nil {
		return "", err
	}
	as := identity.With(ctx, admin)
	token, err := s.token(as)
	if err != nil {
		return "", err
	}
	to := remote{URL: s.p.url(), Token: token}
	return token, errors.Join(s.operator(ctx, to, tenant), s.keysAndPrompts(ctx, to, language), s.calls(ctx, to, calls))
}

// admin is a tenant's first administrator.
func (s seeding) admin(ctx context.Context, tenant string) (identity.Caller, error) {
	self := identity.With(ctx, identity.Caller{Tenant: tenant, Service: "demo"})
	list, err := s.p.accounts.ListAccounts(self, &accessv1.ListAccountsRequest{})
	if err != nil {
		return identity.Caller{}, err
	}
	for _, a := range list.GetAccounts() {
		if a.GetRole() == identity.RoleSystemAdmin {
			return identity.Caller{
				Tenant: tenant, AccountID: a.GetId(), Login: a.GetLogin(), Name: a.GetName(), Role: a.GetRole(),
				CallPermission: a.GetCallPermission(), Locale: a.GetLocale(),
			}, nil
		}
	}
	return identity.Caller{}, fmt.Errorf("tenant %s has no administrator", tenant)
}

// token makes a new token for this run and revokes the last run's.
func (s seeding) token(ctx context.Context) (string, error) {
	old, err := s.p.accounts.ListTokens(ctx, &accessv1.ListTokensRequest{})
	if err != nil {
		return "", err
	}
	for _, t := range old.GetTokens() {
		if t.GetName() != "demo" {
			continue
		}
		if _, err := s.p.accounts.DeleteToken(ctx, &accessv1.DeleteTokenRequest{Id: t.GetId()}); err != nil {
			return "", err
		}
	}
	made, err := s.p.accounts.CreateToken(ctx, &accessv1.CreateTokenRequest{Name: "demo"})
	return made.GetValue(), err
}

func (s seeding) operator(ctx context.Context, to remote, tenant string) error {
	if tenant != bootstrapTenant {
		return nil
	}
	err := to.call(ctx, "POST", "/api/v1/accounts", map[string]string{
		"login": "operator", "name": "山田 花子", "role": identity.RoleUser,
		"callPermission": identity.PermissionEdit, "password": demoPassword,
	}, nil)
	var p *problem
	if errors.As(err, &p) && p.Code == "LOGIN_TAKEN" {
		return nil
	}
	return err
}

func (s seeding) keysAndPrompts(ctx context.Context, to remote, language string) error {
	var have struct {
		Keys []struct {
			ID string `json:"id"`
		} `json:"keys"`
	}
	if err := to.call(ctx, "GET", "/api/v1/keys", nil, &have); err != nil || len(have.Keys) > 0 {
		return err
	}
	id, err := s.key(ctx, to, map[string]any{
		"kind": "openai", "name": "Simulator", "secret": demoSecret, "model": demoModel, "baseUrl": s.base,
		"memo": "A provider in this process. Its answers are extracts and say so.",
	})
	if err != nil {
		return err
	}
	if own := os.Getenv("OPENAI_API_KEY"); own != "" {
		if id, err = s.key(ctx, to, map[string]any{
			"kind": "openai", "name": "OpenAI", "secret": own, "model": os.Getenv("OPENAI_MODEL"), "baseUrl": s.p.cfg.ProviderBaseURL,
		}); err != nil {
			return err
		}
	}
	return to.call(ctx, "POST", "/api/v1/prompts/examples", map[string]string{"keyId": id, "language": language}, nil)
}

func (s seeding) key(ctx context.Context, to remote, body map[string]any) (string, error) {
	var made struct {
		ID string `json:"id"`
	}
	err := to.call(ctx, "POST", "/api/v1/keys", body, &made)
	return made.ID, err
}

func (s seeding) calls(ctx context.Context, to remote, samples []sample) error {
	var have struct {
		Calls []struct {
			ID string `json:"id"`
		} `json:"calls"`
	}
	if err := to.call(ctx, "GET", "/api/v1/calls?pageSize=1", nil, &have); err != nil || len(have.Calls) > 0 {
		return err
	}
	for _, set := range samples {
		data, err := dialogues.Files.ReadFile(set.file)
		if err != nil {
			return err
		}
		lines := bytes.SplitAfterN(data, []byte("\n"), set.lines+1)
		first := bytes.Join(lines[:min(set.lines, len(lines))], nil)
		var out imported
		path := "/api/v1/calls/import"
		if err := to.send(ctx, "POST", path, "application/jsonl", bytes.NewReader(first), &out); err != nil {
			return fmt.Errorf("%s: %w", set.file, err)
		}
		if len(out.Refused) > 0 {
			return fmt.Errorf("%s: %d lines refused, first %+v", set.file, len(out.Refused), out.Refused[0])
		}
	}
	return nil
}
