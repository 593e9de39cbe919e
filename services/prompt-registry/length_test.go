package prompts_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kikigaki/kikigaki/pkg/fault"
	promptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/prompt/v1"
)

// exactly is a text of n characters made of one kind of character, and a text of one more.
func exactly(unit string, characters, n int) (full, over string) {
	full = strings.Repeat(unit, n/characters) + strings.Repeat("x", n%characters)
	return full, full + "x"
}

// A field takes exactly as many characters as its limit says, whatever they are made of, and not one more: a character is a
// code point after NFC, so a letter with its combining mark is one where there is one, and a family of emoji is five.
func TestEveryFieldTakesExactlyItsLimitOfWhateverCharacters(t *testing.T) {
	t.Parallel()
	s := newBench(t).one()
	fields := []struct {
		name  string
		limit int
		set   func(d *promptv1.PromptDraft, text string)
		edit  func(r *promptv1.UpdatePromptRequest, text string)
		get   func(p *promptv1.Prompt) string
	}{
		{"name", 255, func(d *promptv1.PromptDraft, v string) { d.Name = v }, func(r *promptv1.UpdatePromptRequest, v string) { r.Name = &v }, (*promptv1.Prompt).GetName},
		{"text", 1000, func(d *promptv1.PromptDraft, v string) { d.Text = v }, func(r *promptv1.UpdatePromptRequest, v string) { r.Text = &v }, (*promptv1.Prompt).GetText},
		{"mapText", 1000, func(d *promptv1.PromptDraft, v string) { d.MapText = v }, func(r *promptv1.UpdatePromptRequest, v string) { r.MapText = &v }, (*promptv1.Prompt).GetMapText},
		{"memo", 500, func(d *promptv1.PromptDraft, v string) { d.Memo = v }, func(r *promptv1.UpdatePromptRequest, v string) { r.Memo = &v }, (*promptv1.Prompt).GetMemo},
	}
	for _, kind := range []struct {
		name, unit string
		characters int
		normal     string
	}{
		{"ASCII", "a", 1, "a"},
		{"kanji", "漢", 1, "漢"},
		{"surrogate pair", "𠮷", 1, "𠮷"},
		{"combining, composed by NFC", "か\u3099", 1, "が"},
		{"combining, without a composed form", "あ\u3099", 2, "あ\u3099"},
		{"emoji joined by ZWJ", "👨\u200d👩\u200d👧", 5, "👨\u200d👩\u200d👧"},
	} {
		for i, f := range fields {
			full, over := exactly(kind.unit, kind.characters, f.limit)
			d := draft(fmt.Sprintf("%s %d", kind.name, i))
			f.set(d, over)
			_, created := s.CreatePrompt(admin(t), &promptv1.CreatePromptRequest{Draft: d})
			f.set(d, full)
			p, want := create(t, s, d), strings.ReplaceAll(full, kind.unit, kind.normal)
			if got := f.get(p); got != want {
				t.Errorf("%s of %s is kept as %q", f.name, kind.name, got)
			}
			req := &promptv1.UpdatePromptRequest{Id: p.GetId(), Revision: 1}
			f.edit(req, over)
			_, changed := s.UpdatePrompt(admin(t), req)
			for _, err := range []error{created, changed} {
				told, _ := fault.As(err)
				if told == nil || told.Code != "FIELD_TOO_LONG" || told.Field != f.name ||
					told.Params["limit"] != fmt.Sprint(f.limit) || told.Params["length"] != fmt.Sprint(f.limit+1) {
					t.Errorf("%s of %s: one more gives %+v", f.name, kind.name, told)
				}
			}
			f.edit(req, full)
			if res, err := s.UpdatePrompt(admin(t), req); err != nil || f.get(res.GetPrompt()) != want {
				t.Errorf("%s of %s is changed to %v, %v", f.name, kind.name, res, err)
			}
		}
	}
}
