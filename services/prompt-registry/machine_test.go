package prompts_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/kikigaki/kikigaki/pkg/fault"
	promptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/prompt/v1"
	"github.com/kikigaki/kikigaki/services/internal/chars"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	prompts "github.com/kikigaki/kikigaki/services/prompt-registry"
)

// known is a prompt as the model has it. Its memo is a tag that never changes: by it the two are held together.
type known struct {
	tag, name, text string
	revision        uint32
	by              string
}

// model is what a tenant's prompts ought to be: in display order.
type model struct {
	list     []known
	revision uint32 // of the order
	by       string
}

func (m *model) clone() model {
	return model{slices.Clone(m.list), m.revision, m.by}
}

func (m *model) find(tag string) *known {
	for i := range m.list {
		if m.list[i].tag == tag {
			return &m.list[i]
		}
	}
	return nil
}

func (m *model) taken(name, but string) bool {
	return slices.ContainsFunc(m.list, func(k known) bool { return k.name == name && k.tag != but })
}

func (m *model) String() string {
	var b strings.Builder
	for _, k := range m.list {
		fmt.Fprintf(&b, "%s %q %q %d %s; ", k.tag, k.name, k.text, k.revision, k.by)
	}
	return fmt.Sprintf("%sorder %d", b.String(), m.revision)
}

// step is something that an administrator does: to the model, which says what comes of it, and to a replica.
type step struct {
	what  string
	model func(m *model) string
	do    func(ctx context.Context, s *prompts.Service) error
}

// outcome is what an administrator is told, as far as the model knows it.
func outcome(err error) string {
	f, _ := fault.As(err)
	if f == nil {
		return "done"
	}
	return f.Code + " " + f.Params["by"]
}

// writer is an administrator at a replica, who acts upon what was last looked at.
type writer struct {
	name string
	s    *prompts.Service
	saw  model
}

// office is a tenant with two administrators at two replicas of one log.
type office struct {
	t       *rapid.T
	tenant  string
	writers []*writer
	truth   model
	mu      sync.Mutex
	ids     map[string]string // of the prompts that were made, by tag; gone ones too
	tags    int
}

func (o *office) as(name string) context.Context {
	return identity.With(context.Background(), identity.Caller{
		Tenant: o.tenant, AccountID: name, Name: name, Role: identity.RoleSystemAdmin,
	})
}

func (o *office) id(tag string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return cmp.Or(o.ids[tag], "unknown")
}

// anyStep draws what a writer does next. What it is done to is what the writer saw, which may be gone or changed by now.
func (o *office) anyStep(w *writer) step {
	kinds := []func(*writer) step{o.create}
	if len(w.saw.list) > 0 {
		kinds = append(kinds, o.edit, o.remove, o.reorder, o.move)
	}
	return rapid.SampledFrom(kinds).Draw(o.t, "kind")(w)
}

func (o *office) anyName() string {
	return rapid.SampledFrom([]string{"要約", "VOC", "FAQ", "check", "words"}).Draw(o.t, "name")
}

func (o *office) create(w *writer) step {
	o.tags++
	tag, name := fmt.Sprintf("p%d", o.tags), o.anyName()
	return step{
		what: "creates " + tag + " " + name,
		model: func(m *model) string {
			if m.taken(name, "") {
				return "NAME_TAKEN "
			}
			m.list = append(m.list, known{tag, name, "?", 1, w.name})
			return "done"
		},
		do: func(ctx context.Context, s *prompts.Service) error {
			res, err := s.CreatePrompt(ctx, &promptv1.CreatePromptRequest{Draft: &promptv1.PromptDraft{
				Name: name, KeyKind: "openai", KeyId: keyID, Text: "?", Memo: tag,
			}})
			if err == nil {
				o.mu.Lock()
				o.ids[tag] = res.GetPrompt().GetId()
				o.mu.Unlock()
			}
			return err
		},
	}
}

func (o *office) edit(w *writer) step {
	of, name, text := rapid.SampledFrom(w.saw.list).Draw(o.t, "of"), o.anyName(), rapid.StringN(1, 5, -1).Draw(o.t, "text")
	text = "t" + strings.ToValidUTF8(text, "")
	return step{
		what: fmt.Sprintf("edits %s at %d to %s", of.tag, of.revision, name),
		model: func(m *model) string {
			k := m.find(of.tag)
			switch {
			case k == nil:
				return "NOT_FOUND "
			case k.revision != of.revision:
				return "REVISION_STALE " + k.by
			case m.taken(name, of.tag):
				return "NAME_TAKEN "
			}
			k.name, k.text, k.revision, k.by = name, chars.Normal(text), k.revision+1, w.name
			return "done"
		},
		do: func(ctx context.Context, s *prompts.Service) error {
			_, err := s.UpdatePrompt(ctx, &promptv1.UpdatePromptRequest{
				Id: o.id(of.tag), Revision: of.revision, Name: &name, Text: &text,
			})
			return err
		},
	}
}

func (o *office) remove(w *writer) step {
	of := rapid.SampledFrom(w.saw.list).Draw(o.t, "of")
	return step{
		what: fmt.Sprintf("deletes %s at %d", of.tag, of.revision),
		model: func(m *model) string {
			k := m.find(of.tag)
			switch {
			case k == nil:
				return "NOT_FOUND "
			case k.revision != of.revision:
				return "REVISION_STALE " + k.by
			}
			m.list = slices.DeleteFunc(m.list, func(k known) bool { return k.tag == of.tag })
			return "done"
		},
		do: func(ctx context.Context, s *prompts.Service) error {
			_, err := s.DeletePrompt(ctx, &promptv1.DeletePromptRequest{Id: o.id(of.tag), Revision: of.revision})
			return err
		},
	}
}

func (o *office) reorder(w *writer) step {
	tags := rapid.Permutation(w.saw.list).Draw(o.t, "order")
	tags, revision := tags[:rapid.IntRange(0, len(tags)).Draw(o.t, "of them")], w.saw.revision
	return step{
		what: fmt.Sprintf("orders %v at %d", tags, revision),
		model: func(m *model) string {
			if revision != m.revision {
				return "REVISION_STALE " + m.by
			}
			var list []known
			for _, k := range tags {
				if m.find(k.tag) == nil {
					return "FIELD_INVALID "
				}
				list = append(list, *m.find(k.tag))
			}
			for _, k := range m.list {
				if !slices.ContainsFunc(tags, func(named known) bool { return named.tag == k.tag }) {
					list = append(list, k)
				}
			}
			m.list, m.revision, m.by = list, m.revision+1, w.name
			return "done"
		},
		do: func(ctx context.Context, s *prompts.Service) error {
			var ids []string
			for _, k := range tags {
				ids = append(ids, o.id(k.tag))
			}
			_, err := s.ReorderPrompts(ctx, &promptv1.ReorderPromptsRequest{Ids: ids, Revision: revision})
			return err
		},
	}
}

func (o *office) move(w *writer) step {
	of, to := rapid.SampledFrom(w.saw.list).Draw(o.t, "of"), rapid.SampledFrom([]string{"top", "bottom", "position"}).Draw(o.t, "to")
	position, revision := rapid.Uint32Range(1, 8).Draw(o.t, "position"), w.saw.revision
	return step{
		what: fmt.Sprintf("moves %s to %s %d at %d", of.tag, to, position, revision),
		model: func(m *model) string {
			from := slices.IndexFunc(m.list, func(k known) bool { return k.tag == of.tag })
			if from < 0 {
				return "NOT_FOUND "
			}
			if revision != m.revision {
				return "REVISION_STALE " + m.by
			}
			place := map[string]int{"top": 0, "bottom": len(m.list) - 1, "position": min(int(position), len(m.list)) - 1}[to]
			if place != from {
				k := m.list[from]
				m.list = slices.Insert(slices.Delete(m.list, from, from+1), place, k)
				m.revision, m.by = m.revision+1, w.name
			}
			return "done"
		},
		do: func(ctx context.Context, s *prompts.Service) error {
			_, err := s.MovePrompt(ctx, &promptv1.MovePromptRequest{
				Id: o.id(of.tag), To: to, Position: position, Revision: revision,
			})
			return err
		},
	}
}

// one lets a writer do something alone: what comes of it is what the model says.
func (o *office) one(w *writer) {
	st := o.anyStep(w)
	want, got := st.model(&o.truth), outcome(st.do(o.as(w.name), w.s))
	if got != want {
		o.t.Fatalf("%s %s and is told %q, want %q", w.name, st.what, got, want)
	}
}

// both lets both writers do something at the same moment: it has to look as if one had been first, whichever.
func (o *office) both() {
	steps, told := [2]step{o.anyStep(o.writers[0]), o.anyStep(o.writers[1])}, [2]string{}
	var group sync.WaitGroup
	for i, w := range o.writers {
		group.Go(func() { told[i] = outcome(steps[i].do(o.as(w.name), w.s)) })
	}
	group.Wait()
	is := o.look(o.writers[0])
	var might []string
	for _, first := range []int{0, 1} {
		m := o.truth.clone()
		var want [2]string
		want[first] = steps[first].model(&m)
		want[1-first] = steps[1-first].model(&m)
		if want == told && m.String() == is.String() {
			o.truth = m
			return
		}
		might = append(might, fmt.Sprintf("%q and then %s", want, m.String()))
	}
	o.t.Fatalf("at once %s %s and %s %s: told %q, and then there is\n%s\nwhat might be:\n%s", o.writers[0].name, steps[0].what,
		o.writers[1].name, steps[1].what, told, is.String(), strings.Join(might, "\n"))
}

// look reads everything at a writer's replica, as of now, and remembers it.
func (o *office) look(w *writer) model {
	ctx := o.as(w.name)
	_, err := w.s.GetPrompt(ctx, &promptv1.GetPromptRequest{Id: "none", Newest: true})
	if fault.KindOf(err) != fault.NotFound {
		o.t.Fatal(err)
	}
	res, err := w.s.ListPrompts(ctx, &promptv1.ListPromptsRequest{})
	if err != nil {
		o.t.Fatal(err)
	}
	w.saw = model{revision: res.GetRevision(), by: o.truth.by}
	for _, p := range res.GetPrompts() {
		w.saw.list = append(w.saw.list, known{p.GetMemo(), p.GetName(), p.GetText(), p.GetRevision(), p.GetChangedBy()})
	}
	return w.saw
}

// Two administrators at two replicas create, edit, order, move and delete, one after the other and at once, upon what they
// last saw: nothing that was accepted is ever lost, nothing that was refused happens, who comes second is told who was
// first, and both replicas show the same.
func TestWhateverTwoAdministratorsDoNothingIsLost(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	replicas, tenants := []*prompts.Service{b.one(), b.one()}, 0
	rapid.Check(t, func(t *rapid.T) {
		tenants++
		o := &office{t: t, tenant: fmt.Sprintf("office-%d", tenants), ids: map[string]string{}}
		b.keyFor(o.tenant)
		for i, name := range []string{"Ann", "Ben"} {
			o.writers = append(o.writers, &writer{name: name, s: replicas[i]})
		}
		either := rapid.SampledFrom(o.writers)
		act := func(*rapid.T) { o.one(either.Draw(t, "who")) }
		t.Repeat(map[string]func(*rapid.T){
			"act": act, "act again": act,
			"look": func(*rapid.T) { o.look(either.Draw(t, "who")) },
			"both": func(*rapid.T) { o.both() },
		})
		for _, w := range o.writers {
			if is := o.look(w); is.String() != o.truth.String() {
				t.Fatalf("%s sees\n%s\nand there ought to be\n%s", w.name, is.String(), o.truth.String())
			}
		}
	})
}
