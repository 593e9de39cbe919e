package prompts_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
	promptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/prompt/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	prompts "github.com/kikigaki/kikigaki/services/prompt-registry"
)

func TestAPromptIsCreatedChangedAndDeleted(t *testing.T) {
	t.Parallel()
	s := newBench(t).one()
	p := create(t, s, draft("要約"))
	if p.GetRevision() != 1 || p.GetPosition() != 1 || p.GetSplit() != "auto" || p.GetBrokenCode() != "" {
		t.Fatalf("created %v", p)
	}
	changed, err := s.UpdatePrompt(admin(t), &promptv1.UpdatePromptRequest{
		Id: p.GetId(), Revision: 1, Text: new("What now?"),
	})
	if err != nil || changed.GetPrompt().GetRevision() != 2 || changed.GetPrompt().GetName() != "要約" {
		t.Fatalf("%v, %v", changed, err)
	}
	for revision, code := range map[uint32]string{0: "REVISION_REQUIRED", 1: "REVISION_STALE"} {
		_, err := s.UpdatePrompt(admin(t), &promptv1.UpdatePromptRequest{Id: p.GetId(), Revision: revision})
		if !fault.Is(err, code) {
			t.Errorf("revision %d gives %v", revision, err)
		}
	}
	if _, err := s.DeletePrompt(admin(t), &promptv1.DeletePromptRequest{Id: p.GetId(), Revision: 2}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.GetPrompt(admin(t), &promptv1.GetPromptRequest{Id: p.GetId()}); fault.KindOf(err) != fault.NotFound {
		t.Fatalf("deleted, it gives %v", err)
	}
	create(t, s, draft("要約")) // the name is free again
}

func TestRulesNameTheFieldAtFault(t *testing.T) {
	t.Parallel()
	s := newBench(t).one()
	create(t, s, draft("taken"))
	long := func(n int) string { return string(slices.Repeat([]rune("漢"), n)) }
	for _, c := range []struct {
		field, code string
		spoil       func(*promptv1.PromptDraft)
	}{
		{"name", "NAME_TAKEN", func(d *promptv1.PromptDraft) { d.Name = "taken" }},
		{"name", "FIELD_REQUIRED", func(d *promptv1.PromptDraft) { d.Name = " " }},
		{"name", "FIELD_TOO_LONG", func(d *promptv1.PromptDraft) { d.Name = long(256) }},
		{"text", "FIELD_TOO_LONG", func(d *promptv1.PromptDraft) { d.Text = long(1001) }},
		{"mapText", "FIELD_TOO_LONG", func(d *promptv1.PromptDraft) { d.MapText = long(1001) }},
		{"memo", "FIELD_TOO_LONG", func(d *promptv1.PromptDraft) { d.Memo = long(501) }},
		{"split", "FIELD_INVALID", func(d *promptv1.PromptDraft) { d.Split = "none" }},
		{"keyKind", "FIELD_INVALID", func(d *promptv1.PromptDraft) { d.KeyKind = "mine" }},
		{"keyId", "KEY_NOT_FOUND", func(d *promptv1.PromptDraft) { d.KeyId = "no" }},
		{"keyId", "KEY_NOT_FOUND", func(d *promptv1.PromptDraft) { d.KeyKind = "compatible" }},
	} {
		d := draft("new")
		c.spoil(d)
		_, err := s.CreatePrompt(admin(t), &promptv1.CreatePromptRequest{Draft: d})
		f, _ := fault.As(err)
		if f == nil || f.Code != c.code || f.Field != c.field {
			t.Errorf("%s %s: got %v", c.field, c.code, err)
		}
	}
	full := draft(long(255))
	full.Text, full.MapText, full.Memo = long(1000), long(1000), long(500)
	create(t, s, full)
}

func TestOnlyAdministratorsWriteAndOthersSeeNoText(t *testing.T) {
	t.Parallel()
	s := newBench(t).one()
	p := create(t, s, draft("p"))
	for _, role := range []string{identity.RoleSupervisor, identity.RoleUser, ""} {
		ctx := as(t, "a", role)
		_, created := s.CreatePrompt(ctx, &promptv1.CreatePromptRequest{Draft: draft("q")})
		_, updated := s.UpdatePrompt(ctx, &promptv1.UpdatePromptRequest{Id: p.GetId(), Revision: 1})
		_, deleted := s.DeletePrompt(ctx, &promptv1.DeletePromptRequest{Id: p.GetId()})
		_, ordered := s.ReorderPrompts(ctx, &promptv1.ReorderPromptsRequest{})
		_, examples := s.CreateExamplePrompts(ctx, &promptv1.CreateExamplePromptsRequest{KeyId: keyID, Language: "ja"})
		for i, err := range []error{created, updated, deleted, ordered, examples} {
			if fault.KindOf(err) != fault.Forbidden {
				t.Errorf("role %q, write %d: %v", role, i, err)
			}
		}
		res, err := s.ListPrompts(ctx, &promptv1.ListPromptsRequest{})
		if err != nil || len(res.GetPrompts()) != 1 || res.GetPrompts()[0].GetText() != "" ||
			res.GetPrompts()[0].GetKeyId() != "" || res.GetPrompts()[0].GetName() != "p" {
			t.Errorf("role %q sees %v, %v", role, res, err)
		}
	}
	if _, err := s.ListPrompts(t.Context(), &promptv1.ListPromptsRequest{}); fault.KindOf(err) != fault.Unauthenticated {
		t.Errorf("nobody gets %v", err)
	}
}

func TestTenantsDoNotMeet(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.one()
	p := create(t, s, draft("p"))
	other := as(t, "b", identity.RoleSystemAdmin)
	if _, err := s.GetPrompt(other, &promptv1.GetPromptRequest{Id: p.GetId()}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a foreign prompt gives %v", err)
	}
	if _, err := s.DeletePrompt(other, &promptv1.DeletePromptRequest{Id: p.GetId()}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("deleting a foreign prompt gives %v", err)
	}
	if res, _ := s.ListPrompts(other, &promptv1.ListPromptsRequest{}); len(res.GetPrompts()) != 0 {
		t.Errorf("a foreign list holds %v", res)
	}
	_, err := s.CreatePrompt(other, &promptv1.CreatePromptRequest{Draft: draft("p")})
	if !fault.Is(err, "KEY_NOT_FOUND") {
		t.Errorf("a foreign key gives %v", err)
	}
}

func TestExamplesAreMadeOnce(t *testing.T) {
	t.Parallel()
	s := newBench(t).one()
	req := &promptv1.CreateExamplePromptsRequest{KeyId: keyID, Language: "ja"}
	first, err := s.CreateExamplePrompts(admin(t), req)
	if err != nil || len(first.GetPrompts()) != 5 {
		t.Fatalf("%v, %v", first, err)
	}
	if again, err := s.CreateExamplePrompts(admin(t), req); err != nil || len(again.GetPrompts()) != 0 {
		t.Fatalf("%v, %v", again, err)
	}
	want := []string{"要約", "キーワードピックアップ", "VOC抽出", "FAQ抽出", "応対チェック"}
	if got := names(list(t, s)); !slices.Equal(got, want) {
		t.Fatalf("got %v", got)
	}
}

// TestExamplesAreMadeTogetherOrNot is a fence: where not all of them fit none is made, and where they do they are one write
// that nobody can come between.
func TestExamplesAreMadeTogetherOrNot(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.prompts(996)
	s := b.one()
	req := &promptv1.CreateExamplePromptsRequest{KeyId: keyID, Language: "ja"}
	before := b.events()
	_, err := s.CreateExamplePrompts(admin(t), req)
	f, _ := fault.As(err)
	if f == nil || f.Code != "LIMIT_REACHED" || f.Params["count"] != "5" || f.Params["free"] != "4" || f.Params["limit"] != "1000" {
		t.Errorf("it is told %+v", f)
	}
	if n := b.events() - before; n != 0 {
		t.Fatalf("%d prompts were made all the same", n)
	}
	create(t, s, draft("要約")) // so that one is not missing
	_, err = s.CreateExamplePrompts(admin(t), req)
	if f, _ = fault.As(err); f == nil || f.Params["count"] != "4" || f.Params["free"] != "3" {
		t.Errorf("with one of them there it is told %+v", f)
	}
	for _, id := range []string{"prompt-1", "prompt-2"} {
		if _, err := s.DeletePrompt(admin(t), &promptv1.DeletePromptRequest{Id: id}); err != nil {
			t.Fatal(err)
		}
	}
	res, err := s.CreateExamplePrompts(admin(t), req)
	if err != nil || len(res.GetPrompts()) != 4 {
		t.Fatalf("%v, %v", res, err)
	}
	for i, p := range res.GetPrompts() {
		if p.GetPosition() != uint32(996+i) || p.GetRevision() != 1 {
			t.Errorf("%s is at %d", p.GetName(), p.GetPosition())
		}
	}
}

// Two administrators press the button at the same moment, at two replicas, while a third makes one of them by hand: each is
// there once, and those of one press lie side by side.
func TestExamplesOfTwoAdministratorsAreMadeOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	replicas := []*prompts.Service{b.one(), b.one(), b.one()}
	for _, language := range []string{"ja", "en", "pt-BR"} {
		var group sync.WaitGroup
		var made atomic.Int64
		for _, s := range replicas[:2] {
			group.Go(func() {
				res, err := s.CreateExamplePrompts(admin(t), &promptv1.CreateExamplePromptsRequest{KeyId: keyID, Language: language})
				if n := len(res.GetPrompts()); err != nil || n != 0 && n < 4 {
					t.Errorf("%s: %d made, %v", language, n, err)
				}
				made.Add(int64(len(res.GetPrompts())))
			})
		}
		group.Go(func() {
			_, err := replicas[2].CreatePrompt(admin(t), &promptv1.CreatePromptRequest{Draft: draft("VOC抽出")})
			if err == nil {
				made.Add(1)
			} else if !fault.Is(err, "NAME_TAKEN") {
				t.Error(err)
			}
		})
		group.Wait()
		if n := made.Load(); n != 5 {
			t.Errorf("%s: %d were made", language, n)
		}
	}
	if all := names(list(t, replicas[0])); len(all) != 15 || len(slices.Compact(slices.Sorted(slices.Values(all)))) != 15 {
		t.Errorf("there are %q", all)
	}
}

func TestTwoReplicasKeepTheRulesTogether(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	replicas := []*prompts.Service{b.one(), b.one()}
	var mu sync.Mutex
	won := 0
	var group sync.WaitGroup
	for w := range 16 {
		group.Go(func() {
			_, err := replicas[w%2].CreatePrompt(admin(t), &promptv1.CreatePromptRequest{Draft: draft("the same")})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if !fault.Is(err, "NAME_TAKEN") {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if won != 1 {
		t.Fatalf("the name was given %d times", won)
	}
}

func TestADeletedViewAnswersTheSame(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	dir := t.TempDir()
	s := b.replica(filepath.Join(dir, "1"))
	var made []string
	for n := range 8 {
		made = append(made, create(t, s, draft(fmt.Sprint(n))).GetId())
	}
	if _, err := s.DeletePrompt(admin(t), &promptv1.DeletePromptRequest{Id: made[3]}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ReorderPrompts(admin(t), &promptv1.ReorderPromptsRequest{Ids: made[5:6]}); err != nil {
		t.Fatal(err)
	}
	before, sums := list(t, s), sumsOf(t, s)
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := b.replica(filepath.Join(dir, "2"))
	after := list(t, again)
	if !proto.Equal(before, after) {
		t.Fatalf("before %v\nafter %v", before, after)
	}
	if got := sumsOf(t, again); got != sums {
		t.Fatalf("sums %s, were %s", got, sums)
	}
}
