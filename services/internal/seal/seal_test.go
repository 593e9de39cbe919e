package seal_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/kikigaki/kikigaki/services/internal/seal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWhatIsSealedOpensInItsPlaceAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "master.key")
	s, err := seal.LoadOrCreate(path)
	if err != nil {
		t.Fatal(err)
	}
	here := seal.Binding{Tenant: "a", Key: "k", Version: 1, Host: "https://api.example.com"}
	sealed, err := s.Seal([]byte("sk-secret"), here)
	if err != nil || bytes.Contains(sealed, []byte("secret")) {
		t.Fatalf("%q, %v", sealed, err)
	}
	again, err := seal.LoadOrCreate(path) // a later start finds the same key
	if err != nil {
		t.Fatal(err)
	}
	if text, err := again.Open(sealed, here); err != nil || string(text) != "sk-secret" {
		t.Fatalf("%q, %v", text, err)
	}
	for _, there := range []seal.Binding{
		{Tenant: "b", Key: "k", Version: 1, Host: here.Host},
		{Tenant: "a", Key: "l", Version: 1, Host: here.Host},
		{Tenant: "a", Key: "k", Version: 2, Host: here.Host},
		{Tenant: "a", Key: "k", Version: 1, Host: "https://evil.example.com"},
		{Tenant: "ak", Key: "", Version: 1, Host: here.Host}, // the same letters, cut elsewhere
	} {
		if text, err := s.Open(sealed, there); !errors.Is(err, seal.ErrCannotOpen) || text != nil {
			t.Errorf("opens at %+v: %q", there, text)
		}
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := s.Open(sealed, here); !errors.Is(err, seal.ErrCannotOpen) {
		t.Errorf("altered, it opens with %v", err)
	}
	if s.String() != "[sealer]" {
		t.Error("a sealer prints something")
	}
}

func TestAMasterKeyThatOthersCanReadIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "master.key")
	if _, err := seal.LoadOrCreate(path); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Fatalf("made with mode %#o", info.Mode().Perm())
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.LoadOrCreate(path); err == nil {
		t.Fatal("a file that others can read is taken")
	}
	if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.Load(path); err == nil {
		t.Fatal("an empty keyset is taken")
	}
}
