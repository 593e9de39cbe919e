package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"text/tabwriter"

	"github.com/kikigaki/kikigaki/services/internal/identity"
	"github.com/kikigaki/kikigaki/services/internal/seal"
	keys "github.com/kikigaki/kikigaki/services/key-registry"
)

// masterKeyFile is the usual name of the key that seals provider keys.
const masterKeyFile = "master.key"

type pathsCommand struct{}

// Run prints which service serves what over HTTP, for whoever sets up the gateway in front of services apart.
func (pathsCommand) Run() error {
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(out, "SERVICE\tMETHOD\tPATH")
	for _, r := range roles() {
		for _, pattern := range r.paths {
			method, path, ok := strings.Cut(pattern, " ")
			if !ok {
				method, path = "any", pattern
			}
			_, _ = fmt.Fprintf(out, "%s\t%s\t%s\n", r.name, method, path)
		}
	}
	return out.Flush()
}

type secretsCommand struct {
	Dir string `arg:"" help:"Directory to write to; files that are there are never replaced."`
}

// Run makes the files that services apart need: one of secrets for each service, with its own line and those of the
// services that call it, and the key that seals provider keys.
func (c *secretsCommand) Run() error {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	made := identity.GenerateSecrets(roleNames()...)
	for _, name := range roleNames() {
		path := filepath.Join(c.Dir, name+".secret")
		if err := made.Write(path, callersOf(name)...); err != nil {
			return err
		}
		sayf("%s: knows %s", path, strings.Join(callersOf(name), ", "))
	}
	path := filepath.Join(c.Dir, masterKeyFile)
	if _, err := os.Stat(path); err == nil {
		return fmt.Errorf("%s is there already", path)
	}
	if _, err := seal.LoadOrCreate(path); err != nil {
		return err
	}
	sayf("%s: for %s alone; back it up, provider keys cannot be opened without it", path, keys.Name)
	return nil
}

// version is the program's, as it was built.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	return info.Main.Version
}
