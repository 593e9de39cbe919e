package access

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestPasswordsAreArgon2id(t *testing.T) {
	t.Parallel()
	h := newHasher(usualCost())
	hash, err := h.hash(t.Context(), "パスワード-かが")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("not in PHC form: %s", hash)
	}
	again, _ := h.hash(t.Context(), "パスワード-かが")
	if hash == again {
		t.Error("two hashes of one password are equal: there is no salt")
	}
	for given, want := range map[string]bool{
		"パスワード-かが": true, "パスワード-かか\u3099": true, "パスワード-かか": false, "": false,
	} {
		if got, err := h.verify(t.Context(), hash, given); got != want || err != nil {
			t.Errorf("%q: %v, %v; want %v", given, got, err, want)
		}
	}
	if ok, err := h.verify(t.Context(), h.nobody, "パスワード-かが"); ok || err != nil {
		t.Errorf("nobody's password: %v, %v", ok, err)
	}
}

func TestForeignHashesAreRefused(t *testing.T) {
	t.Parallel()
	h := newHasher(usualCost())
	for _, bad := range []string{
		"", "secret", "$2a$10$abcdefghijklmnopqrstuv",
		strings.Replace(h.nobody, "argon2id", "argon2i", 1), strings.Replace(h.nobody, "v=19", "v=16", 1),
		strings.Replace(h.nobody, "m=19456", "m=99999999", 1), strings.Replace(h.nobody, "t=2", "t=0", 1),
		strings.Replace(h.nobody, "p=1", "p=0", 1), h.nobody[:len(h.nobody)-2], h.nobody + "$",
	} {
		if ok, err := h.verify(t.Context(), bad, "secret"); ok || !errors.Is(err, errHash) {
			t.Errorf("%q: %v, %v", bad, ok, err)
		}
	}
}

func TestHashingWaitsForASlotAndGivesUpWithTheCaller(t *testing.T) {
	t.Parallel()
	h := newHasher(usualCost())
	for range hashSlots {
		h.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.hash(ctx, "password"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
