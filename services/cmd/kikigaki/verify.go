package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/kikigaki/kikigaki/services/internal/erasure"
)

// verifyCommand looks at the files of a data directory.
type verifyCommand struct {
	Data   string `env:"KIKIGAKI_DATA" default:"./data" help:"Directory to look at; the services may be running or stopped."`
	Erased bool   `required:""         help:"Name every file that still holds something of an erased call."`
}

// Run looks for what is left of erased calls.
func (c *verifyCommand) Run(ctx context.Context) error {
	dir := filepath.Clean(c.Data)
	report, err := erasure.Verify(ctx, dir)
	if err != nil {
		return err
	}
	for _, f := range report.Left {
		sayf("%s: call %s of tenant %s: %s", filepath.Join(dir, f.File), f.Call, f.Tenant, f.What)
	}
	sayf("%d erased calls looked for in %d files, %d MB", report.Calls, report.Files, report.Bytes>>20)
	if len(report.Left) > 0 {
		return fmt.Errorf("%d places still hold something of an erased call; they are usually gone within a minute", len(report.Left))
	}
	if report.Files == 0 {
		return errors.New("there is nothing to look at in " + dir)
	}
	return nil
}
