package identity

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const twenty6 = "abcdefghijklmnopqrstuvwxyz"

func write(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "service.secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestASecretFileThatOthersCanOpenIsRefused(t *testing.T) {
	t.Parallel()
	for mode, want := range map[os.FileMode]bool{
		0o600: true, 0o400: true, 0o440: true, 0o640: true, // a cluster gives 0440 to a process that is not root
		0o660: false, 0o644: false, 0o604: false, 0o602: false, 0o601: false, 0o610: false, 0o777: false,
	} {
		_, err := LoadSecrets(write(t, "access "+twenty6+"\n", mode))
		if (err == nil) != want {
			t.Errorf("mode %#o: %v", mode, err)
		}
		if err != nil && strings.Contains(err.Error(), twenty6) {
			t.Errorf("the secret is in the error: %v", err)
		}
	}
}

func TestSecretLines(t *testing.T) {
	t.Parallel()
	s, err := LoadSecrets(write(t, "# who may call\n\naccess "+twenty6+"\r\n console\t\t"+"\n", 0o600))
	if err == nil {
		t.Fatalf("a name without a secret was taken: %v", s)
	}
	s, err = LoadSecrets(write(t, "# who may call\n\naccess   "+twenty6+"\r\nconsole "+twenty6+"1\n", 0o600))
	if err != nil || s.byName["access"]() != twenty6 || s.byName["console"]() != twenty6+"1" {
		t.Fatalf("got %d secrets, %v", len(s.byName), err)
	}
	for name, text := range map[string]string{
		"short": "access " + twenty6[1:], "no name": twenty6, "twice": "a " + twenty6 + "\na " + twenty6 + "1",
	} {
		if _, err := LoadSecrets(write(t, text, 0o600)); err == nil || strings.Contains(err.Error(), twenty6) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSecretsAreMadeOnceAndThenRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "service.secret")
	made, err := LoadOrGenerateSecrets(path, Access, "console")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	read, err := LoadOrGenerateSecrets(path, Access, "console")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := NewSigner(made, "console")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	statement, err := signer.SignSelf("north", now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewVerifier(read).Verify(statement, now); err != nil {
		t.Fatalf("the file does not hold what was made: %v", err)
	}
	if _, err := NewSigner(read, "nobody"); err == nil {
		t.Fatal("a signer was made without a secret")
	}
}
