package prompts_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
	promptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/prompt/v1"
	"github.com/kikigaki/kikigaki/services/internal/catalogue"
	prompts "github.com/kikigaki/kikigaki/services/prompt-registry"
)

func TestTheOrderIsChangedAsAWhole(t *testing.T) {
	t.Parallel()
	s := newBench(t).one()
	var made []string
	for _, n := range []string{"a", "b", "c", "d"} {
		made = append(made, create(t, s, draft(n)).GetId())
	}
	res, err := s.ReorderPrompts(admin(t), &promptv1.ReorderPromptsRequest{Ids: []string{made[2], made[0]}})
	if err != nil || res.GetRevision() != 1 {
		t.Fatalf("%v, %v", res, err)
	}
	create(t, s, draft("e"))
	if got := names(list(t, s)); !slices.Equal(got, []string{"c", "a", "b", "d", "e"}) {
		t.Fatalf("order %v", got)
	}
	for _, c := range []struct {
		ids      []string
		revision uint32
		code     string
	}{
		{[]string{made[0]}, 0, "REVISION_STALE"},
		{[]string{made[0], made[0]}, 1, "FIELD_INVALID"},
		{[]string{"unknown"}, 1, "FIELD_INVALID"},
	} {
		_, err := s.ReorderPrompts(admin(t), &promptv1.ReorderPromptsRequest{Ids: c.ids, Revision: c.revision})
		if !fault.Is(err, c.code) {
			t.Errorf("%v at %d gives %v", c.ids, c.revision, err)
		}
	}
}

// A thousand prompts is what a tenant may have, whatever is written in them: one more is refused, the list of them all fits
// into one answer, and a new order of them is one event.
func TestAThousandPromptsAreTheLimitAndTheirOrderIsOneEvent(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.prompts(999)
	s := b.one()
	create(t, s, draft("the thousandth"))
	_, err := s.CreatePrompt(admin(t), &promptv1.CreatePromptRequest{Draft: draft("one more")})
	f, _ := fault.As(err)
	if f == nil || f.Code != "LIMIT_REACHED" || f.Params["limit"] != "1000" {
		t.Fatalf("got %v", err)
	}
	texts, loaded := catalogue.Load()
	if loaded != nil {
		t.Fatal(loaded)
	}
	for _, locale := range catalogue.Locales() {
		if title, detail := texts.Problem(locale, f.Code, f.Params); title == "" || !strings.Contains(detail, "1000") {
			t.Errorf("in %s it is told %q, %q", locale, title, detail)
		}
	}
	var ids []string
	for _, p := range list(t, s).GetPrompts() {
		ids = append(ids, p.GetId())
	}
	slices.Reverse(ids)
	before := b.events()
	_, err = s.ReorderPrompts(admin(t), &promptv1.ReorderPromptsRequest{Ids: ids})
	if err != nil || b.events() != before+1 {
		t.Fatalf("%d events, %v", b.events()-before, err)
	}
	res := list(t, s)
	got := make([]string, 0, len(ids))
	for i, p := range res.GetPrompts() {
		if got = append(got, p.GetId()); p.GetPosition() != uint32(i+1) {
			t.Fatalf("%s is said to be at %d and is at %d", p.GetId(), p.GetPosition(), i+1)
		}
	}
	if !slices.Equal(got, ids) || res.GetRevision() != 1 {
		t.Fatalf("revision %d, order %v", res.GetRevision(), got)
	}
	if size := proto.Size(res); size < 999*8000 || size > 16<<20 {
		t.Fatalf("the list has %d bytes, an answer at most 16 MiB", size)
	}
}

// Of two administrators who change the order at once one wins, and the other is told who: by name, so that they can talk.
func TestWhoIsSecondIsToldWhoWasFirst(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	writers := map[string]*prompts.Service{"Ann": b.one(), "Ben": b.one()}
	var ids []string
	for n := range 5 {
		ids = append(ids, create(t, writers["Ann"], draft(fmt.Sprint(n))).GetId())
	}
	for round := range uint32(20) {
		var mu sync.Mutex
		var group sync.WaitGroup
		var winners []string
		told := map[string]error{}
		for name, s := range writers {
			group.Go(func() {
				mine := slices.Clone(ids)
				if name == "Ben" {
					slices.Reverse(mine)
				}
				_, err := s.ReorderPrompts(person(t, name), &promptv1.ReorderPromptsRequest{Ids: mine, Revision: round})
				mu.Lock()
				defer mu.Unlock()
				if told[name] = err; err == nil {
					winners = append(winners, name)
				}
			})
		}
		group.Wait()
		if len(winners) != 1 {
			t.Fatalf("round %d: won by %v, told %v", round, winners, told)
		}
		for name, err := range told {
			f, _ := fault.As(err)
			if name != winners[0] && (f == nil || f.Code != "REVISION_STALE" || f.Params["by"] != winners[0]) {
				t.Fatalf("round %d: won by %s, and %s is told %v", round, winners[0], name, err)
			}
		}
	}
}

func TestOnePromptIsMoved(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.one()
	id := map[string]string{}
	for _, name := range []string{"a", "b", "c", "d"} {
		id[name] = create(t, s, draft(name)).GetId()
	}
	for i, c := range []struct {
		name, to        string
		position, place uint32
		want            []string
	}{
		{"c", "top", 0, 1, []string{"c", "a", "b", "d"}},
		{"a", "bottom", 0, 4, []string{"c", "b", "d", "a"}},
		{"c", "position", 3, 3, []string{"b", "d", "c", "a"}},
		{"b", "position", 1000, 4, []string{"d", "c", "a", "b"}},
		{"b", "position", 2, 2, []string{"d", "b", "c", "a"}},
	} {
		res, err := s.MovePrompt(admin(t), &promptv1.MovePromptRequest{
			Id: id[c.name], To: c.to, Position: c.position, Revision: uint32(i),
		})
		if err != nil || res.GetRevision() != uint32(i+1) || res.GetPlace() != c.place {
			t.Fatalf("%s to %s %d: %v, %v", c.name, c.to, c.position, res, err)
		}
		if got := names(list(t, s)); !slices.Equal(got, c.want) {
			t.Fatalf("%s to %s %d: %v, want %v", c.name, c.to, c.position, got, c.want)
		}
	}
	before := b.events()
	res, err := s.MovePrompt(admin(t), &promptv1.MovePromptRequest{Id: id["d"], To: "top", Revision: 5})
	if err != nil || res.GetRevision() != 5 || res.GetPlace() != 1 || b.events() != before {
		t.Fatalf("where it is already: %v, %v, %d events", res, err, b.events()-before)
	}
	for _, c := range []struct {
		req         *promptv1.MovePromptRequest
		code, field string
	}{
		{&promptv1.MovePromptRequest{Id: id["d"], To: "top", Revision: 4}, "REVISION_STALE", "revision"},
		{&promptv1.MovePromptRequest{Id: id["d"], To: "away", Revision: 5}, "FIELD_INVALID", "to"},
		{&promptv1.MovePromptRequest{Id: id["d"], To: "position", Revision: 5}, "FIELD_REQUIRED", "position"},
		{&promptv1.MovePromptRequest{Id: "unknown", To: "top", Revision: 5}, "NOT_FOUND", ""},
	} {
		_, err := s.MovePrompt(admin(t), c.req)
		if f, _ := fault.As(err); f == nil || f.Code != c.code || f.Field != c.field {
			t.Errorf("%v gives %v", c.req, err)
		}
	}
}
