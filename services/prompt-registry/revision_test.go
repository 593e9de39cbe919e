package prompts_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kikigaki/kikigaki/pkg/fault"
	promptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/prompt/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	prompts "github.com/kikigaki/kikigaki/services/prompt-registry"
)

// edited changes a prompt's text, at the revision it is at.
func edited(t *testing.T, s *prompts.Service, who, id string, revision uint32, text string) {
	t.Helper()
	_, err := s.UpdatePrompt(person(t, who), &promptv1.UpdatePromptRequest{Id: id, Revision: revision, Text: &text})
	if err != nil {
		t.Fatal(err)
	}
}

func revisions(t *testing.T, s *prompts.Service, id string) (out []uint32) {
	t.Helper()
	res, err := s.ListPromptRevisions(admin(t), &promptv1.ListPromptRevisionsRequest{Id: id})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range res.GetRevisions() {
		out = append(out, r.GetPrompt().GetRevision())
	}
	return out
}

func TestEveryRevisionCanBeReadAndSaysWhoseItIs(t *testing.T) {
	t.Parallel()
	s := newBench(t).one()
	id := create(t, s, draft("p")).GetId()
	edited(t, s, "Ann", id, 1, "second")
	_, err := s.UpdatePrompt(person(t, "Ben"), &promptv1.UpdatePromptRequest{
		Id: id, Revision: 2, Name: new("q"), Advanced: new(true), MapText: new("per part"),
	})
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.ListPromptRevisions(admin(t), &promptv1.ListPromptRevisionsRequest{Id: id})
	if err != nil || len(res.GetRevisions()) != 3 {
		t.Fatalf("%v, %v", res, err)
	}
	for i, want := range []struct {
		name, text, by string
		changed        []string
	}{
		{"q", "second", "Ben", []string{"name", "advanced", "mapText"}},
		{"p", "second", "Ann", []string{"text"}},
		{"p", "What happened?", "Me", nil},
	} {
		r := res.GetRevisions()[i]
		p := r.GetPrompt()
		if p.GetName() != want.name || p.GetText() != want.text || p.GetChangedBy() != want.by ||
			p.GetChangedAt() == nil || !slices.Equal(r.GetChanged(), want.changed) {
			t.Errorf("revision %d is %v", 3-i, r)
		}
		at, err := s.GetPrompt(admin(t), &promptv1.GetPromptRequest{Id: id, Revision: uint32(3 - i)})
		if err != nil || at.GetPrompt().GetName() != want.name || at.GetPrompt().GetText() != want.text {
			t.Errorf("at %d it reads %v, %v", 3-i, at, err)
		}
	}
	if _, err := s.DeletePrompt(admin(t), &promptv1.DeletePromptRequest{Id: id}); err != nil {
		t.Fatal(err)
	}
	_, err = s.ListPromptRevisions(admin(t), &promptv1.ListPromptRevisionsRequest{Id: id})
	_, at := s.GetPrompt(admin(t), &promptv1.GetPromptRequest{Id: id, Revision: 1})
	if fault.KindOf(err) != fault.NotFound || fault.KindOf(at) != fault.NotFound {
		t.Errorf("deleted, its revisions give %v, %v", err, at)
	}
}

func TestTwoRevisionsAreComparedWordByWord(t *testing.T) {
	t.Parallel()
	s := newBench(t).one()
	d := draft("要約")
	d.Text = "お客様の用件を1文で書く。"
	id := create(t, s, d).GetId()
	edited(t, s, "Ann", id, 1, "お客様の用件を3文で書く。")
	edited(t, s, "Ann", id, 2, "お客様の用件を3文で書き、番号を添える。")
	compare := func(from, to uint32) *promptv1.ComparePromptRevisionsResponse {
		res, err := s.ComparePromptRevisions(admin(t), &promptv1.ComparePromptRevisionsRequest{Id: id, From: from, To: to})
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	first := compare(1, 2)
	if got := fmt.Sprint(first.GetChanges()[0].GetParts()); len(first.GetChanges()) != 1 ||
		got != fmt.Sprint([]*promptv1.TextPart{
			{Kind: "same", Text: "お客様の用件を"}, {Kind: "removed", Text: "1"}, {Kind: "added", Text: "3"},
			{Kind: "same", Text: "文で書く。"},
		}) {
		t.Errorf("1 to 2: %s", got)
	}
	if res := compare(0, 0); res.GetFrom() != 2 || res.GetTo() != 3 || res.GetChanges()[0].GetField() != "text" {
		t.Errorf("the newest two: %v", res)
	}
	if res := compare(3, 3); len(res.GetChanges()) != 0 {
		t.Errorf("with itself: %v", res)
	}
	_, err := s.ComparePromptRevisions(admin(t), &promptv1.ComparePromptRevisionsRequest{Id: id, From: 1, To: 9})
	if fault.KindOf(err) != fault.NotFound {
		t.Errorf("one there never was: %v", err)
	}
}

func TestOnlyAdministratorsReadRevisions(t *testing.T) {
	t.Parallel()
	s := newBench(t).one()
	id := create(t, s, draft("p")).GetId()
	for _, role := range []string{identity.RoleSupervisor, identity.RoleUser, ""} {
		ctx := as(t, "a", role)
		_, listed := s.ListPromptRevisions(ctx, &promptv1.ListPromptRevisionsRequest{Id: id})
		_, compared := s.ComparePromptRevisions(ctx, &promptv1.ComparePromptRevisionsRequest{Id: id})
		_, read := s.GetPrompt(ctx, &promptv1.GetPromptRequest{Id: id, Revision: 1})
		_, moved := s.MovePrompt(ctx, &promptv1.MovePromptRequest{Id: id, To: "top"})
		for i, err := range []error{listed, compared, read, moved} {
			if fault.KindOf(err) != fault.Forbidden {
				t.Errorf("role %q, way %d: %v", role, i, err)
			}
		}
	}
	other := as(t, "b", identity.RoleSystemAdmin)
	_, listed := s.ListPromptRevisions(other, &promptv1.ListPromptRevisionsRequest{Id: id})
	_, compared := s.ComparePromptRevisions(other, &promptv1.ComparePromptRevisionsRequest{Id: id})
	_, read := s.GetPrompt(other, &promptv1.GetPromptRequest{Id: id, Revision: 1})
	_, moved := s.MovePrompt(other, &promptv1.MovePromptRequest{Id: id, To: "top"})
	for i, err := range []error{listed, compared, read, moved} {
		if fault.KindOf(err) != fault.NotFound {
			t.Errorf("another tenant, way %d: %v", i, err)
		}
	}
}

// The log keeps 50 revisions of a prompt. A view that saw them all, one that was away meanwhile and one made anew are equal.
func TestFiftyRevisionsAreKeptInEveryView(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	always, dir := b.one(), filepath.Join(t.TempDir(), "away")
	away := b.replica(dir)
	create(t, away, draft("stays")) // a message that the view finds again: it goes on where it was
	id := create(t, away, draft("p")).GetId()
	for n := uint32(1); n < 10; n++ {
		edited(t, away, "Ann", id, n, fmt.Sprint(n))
	}
	if err := away.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	for n := uint32(10); n < 120; n++ {
		edited(t, always, "Ben", id, n, fmt.Sprint(n))
	}
	for name, s := range map[string]*prompts.Service{"always there": always, "away": b.replica(dir), "anew": b.one()} {
		got := revisions(t, s, id)
		if len(got) != 50 || got[0] != 120 || got[49] != 71 {
			t.Errorf("%s: %d revisions: %v", name, len(got), got)
		}
		if sumsOf(t, s) != sumsOf(t, always) {
			t.Errorf("%s has other sums", name)
		}
	}
}
