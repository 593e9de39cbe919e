package seal_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/kikigaki/kikigaki/services/internal/seal"
)

func newSealer(t *testing.T) *seal.Sealer {
	t.Helper()
	s, err := seal.LoadOrCreate(filepath.Join(t.TempDir(), "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAMasterKeyTakesThePlaceOfAnother(t *testing.T) {
	t.Parallel()
	before, after := newSealer(t), newSealer(t)
	here := seal.Binding{Tenant: "a", Key: "k", Version: 1, Host: "https://api.example.com"}
	there := seal.Binding{Tenant: "b", Key: "k", Version: 1, Host: here.Host}
	sealed, err := before.Seal([]byte("sk-secret"), here)
	if err != nil {
		t.Fatal(err)
	}
	both := after.With(before)
	if text, err := both.Open(sealed, here); err != nil || string(text) != "sk-secret" {
		t.Fatalf("under both keys: %q, %v", text, err)
	}
	if _, err := both.Open(sealed, there); !errors.Is(err, seal.ErrCannotOpen) {
		t.Errorf("under both keys it opens elsewhere: %v", err)
	}
	if !both.Outdated(sealed, here) || both.Outdated(sealed, there) || before.Outdated(sealed, here) || after.Outdated(sealed, here) {
		t.Error("outdated is what opens under another key alone")
	}
	anew, err := both.Seal([]byte("sk-secret"), here)
	if err != nil || both.Outdated(anew, here) {
		t.Fatalf("sealed anew, it is outdated: %v", err)
	}
	if text, err := after.Open(anew, here); err != nil || string(text) != "sk-secret" {
		t.Errorf("without the old key: %q, %v", text, err)
	}
	if _, err := before.Open(anew, here); !errors.Is(err, seal.ErrCannotOpen) {
		t.Errorf("the old key opens it: %v", err)
	}
}
