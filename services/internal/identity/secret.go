package identity

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
)

// minSecret is the least length of a service's secret, in bytes.
const minSecret = 26

// hidden is a secret that prints as an address. A plain string would be printed with whatever struct it ends up in:
// fmt does not ask the methods of unexported fields.
type hidden func() string

func hide(secret string) hidden { return func() string { return secret } }

// Secrets are the secrets by which services prove who they are, by name. They print as nothing.
type Secrets struct{ byName map[string]hidden }

// String hides the secrets.
func (Secrets) String() string { return "[secrets]" }

// GoString hides the secrets.
func (Secrets) GoString() string { return "[secrets]" }

// GenerateSecrets makes a new secret for each service.
func GenerateSecrets(names ...string) Secrets {
	s := Secrets{byName: map[string]hidden{}}
	for _, name := range names {
		s.byName[name] = hide(rand.Text() + rand.Text())
	}
	return s
}

// LoadSecrets reads a file with one line a service: its name, a space, its secret. Others than the file's owner and group
// must have no access, and the group may only read, which is how a cluster gives a secret to a process that is not root.
func LoadSecrets(path string) (Secrets, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Secrets{}, fmt.Errorf("identity: %w", err)
	}
	if info.Mode().Perm()&0o037 != 0 {
		return Secrets{}, fmt.Errorf("identity: %s must be closed to others (mode 0600, at most 0640, is %#o)",
			path, info.Mode().Perm())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return Secrets{}, fmt.Errorf("identity: %w", err)
	}
	return parseSecrets(data)
}

func parseSecrets(data []byte) (Secrets, error) {
	s := Secrets{byName: map[string]hidden{}}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, secret, ok := strings.Cut(line, " ")
		if secret = strings.TrimSpace(secret); !ok || len(secret) < minSecret {
			return Secrets{}, fmt.Errorf("identity: line %d: want a name and a secret of at least %d bytes", n, minSecret)
		}
		if s.byName[name] != nil {
			return Secrets{}, fmt.Errorf("identity: line %d: %s has a secret already", n, name)
		}
		s.byName[name] = hide(secret)
	}
	return s, lines.Err()
}

// LoadOrGenerateSecrets reads the file, or makes it with new secrets when there is none. A service that the file does
// not know yet is an error: its line must be added by who keeps the file.
func LoadOrGenerateSecrets(path string, names ...string) (Secrets, error) {
	s, err := LoadSecrets(path)
	if !errors.Is(err, os.ErrNotExist) {
		return s, err
	}
	s = GenerateSecrets(names...)
	return s, s.Write(path, names...)
}

// Write makes a file with the lines of some services, for its owner alone to read. A file that is there is never
// replaced: what was signed with its secrets would be worth nothing.
func (s Secrets) Write(path string, names ...string) error {
	var text strings.Builder
	for _, name := range names {
		secret := s.byName[name]
		if secret == nil {
			return fmt.Errorf("identity: there is no secret for %s", name)
		}
		fmt.Fprintf(&text, "%s %s\n", name, secret())
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	_, err = file.WriteString(text.String())
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	return nil
}
