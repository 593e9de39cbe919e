package main

import (
	"io"
	"os"
	"strings"
	"testing"
)

// printed is what a function tells people on standard output.
func printed(t *testing.T, run func() error) (string, error) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	was := os.Stdout
	os.Stdout = w
	err = run()
	os.Stdout = was
	_ = w.Close()
	text, readErr := io.ReadAll(r)
	if readErr != nil {
		t.Fatal(readErr)
	}
	return string(text), err
}

// keepsKeysByCommand registers, lists, verifies and deletes a key as an administrator does at a terminal.
func (s *suite) keepsKeysByCommand(t *testing.T) {
	t.Helper()
	ctx, at := t.Context(), s.to
	list, err := printed(t, func() error { return (&keyListCommand{remote: at}).Run(ctx) })
	_, base, _ := strings.Cut(list, "at http")
	base, _, _ = strings.Cut("http"+base, ",")
	if err != nil || !strings.HasPrefix(base, "http://127.0.0.1") || strings.Contains(list, demoSecret) {
		t.Fatalf("the list is %q, %v", list, err)
	}
	create := keyCreateCommand{remote: at, Name: "By hand", Kind: "compatible", BaseURL: base, Model: "nothing"}
	t.Setenv("KIKIGAKI_KEY_SECRET", "sk-proj-Xq7Zv9Kj2Wb4Yx8Qz3Jk")
	if _, err := printed(t, func() error { return create.Run(ctx) }); err == nil || strings.Contains(err.Error(), "Xq7Z") ||
		!strings.Contains(err.Error(), "field secret") {
		t.Errorf("a wrong key: %v", err)
	}
	t.Setenv("KIKIGAKI_KEY_SECRET", demoSecret)
	if _, err := printed(t, func() error { return create.Run(ctx) }); err == nil || !strings.Contains(err.Error(), "field model") {
		t.Errorf("a wrong model: %v", err)
	}
	create.Model = demoModel
	verify := keyVerifyCommand{remote: at, Key: "By hand"}
	if text, err := printed(t, func() error { return create.Run(ctx) }); err != nil || !strings.Contains(text, "verified 2") ||
		!strings.Contains(text, "tokens a minute") {
		t.Errorf("create: %q, %v", text, err)
	}
	if text, err := printed(t, func() error { return verify.Run(ctx) }); err != nil || !strings.Contains(text, "organization org-simulator") {
		t.Errorf("verify: %q, %v", text, err)
	}
	form, err := printed(t, func() error { return (&keyFormCommand{remote: at}).Run(ctx) })
	if err != nil || !strings.Contains(form, "Model capabilities: Write") || !strings.Contains(form, "gpt-6-luna") {
		t.Errorf("form: %q, %v", form, err)
	}
	remove := keyDeleteCommand{remote: at, Key: "By hand"}
	if text, err := printed(t, func() error { return remove.Run(ctx) }); err != nil || !strings.Contains(text, "is deleted") {
		t.Errorf("delete: %q, %v", text, err)
	}
	if err := remove.Run(ctx); err == nil || !strings.Contains(err.Error(), "Simulator") {
		t.Errorf("deleted again: %v", err)
	}
}
