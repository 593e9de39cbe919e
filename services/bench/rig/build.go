package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Root is the source tree that the working directory is in.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("not within the source tree: there is no go.work above")
		}
		dir = up
	}
}

// BuildSystem builds the program as it is released: stripped, without paths of this machine.
func BuildSystem(ctx context.Context, root, to string) error {
	return build(ctx, root, to, "./services/cmd/kikigaki")
}

// BuildServer builds a nats-server by itself, likewise: the program that has the log and nothing else.
func BuildServer(ctx context.Context, root, to string) error {
	return build(ctx, filepath.Join(root, "services"), to, "github.com/nats-io/nats-server/v2")
}

func build(ctx context.Context, dir, to, what string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", to, what) //nolint:gosec // what is built is written above
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w: %s", what, err, strings.TrimSpace(string(out)))
	}
	return nil
}
