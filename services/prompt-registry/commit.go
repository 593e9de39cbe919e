package prompts

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	promptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/prompt/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	"github.com/kikigaki/kikigaki/services/internal/ids"
)

// guard is the one guard of a tenant's prompts: its number, names and order are one invariant.
func guard(tenant string) stream.Guard {
	return stream.NewGuard(subject.Prompts, subject.PromptGuard(tenant))
}

// fact is an event on its way to the log: what happened, and to which prompt ("" for the order). One without an event is
// that nothing has to happen.
type fact struct {
	prompt string
	event  *eventv1.PromptEvent
}

func savedFact(p Prompt) fact {
	return fact{p.ID, &eventv1.PromptEvent{Kind: &eventv1.PromptEvent_Saved{Saved: p.saved()}}}
}

func deletedFact(p Prompt) fact {
	deleted := &eventv1.PromptDeleted{Id: p.ID, Revision: p.Revision}
	return fact{p.ID, &eventv1.PromptEvent{Kind: &eventv1.PromptEvent_Deleted{Deleted: deleted}}}
}

func orderedFact(o Order) fact {
	ordered := &eventv1.PromptsOrdered{Revision: o.Revision, Ids: o.IDs}
	return fact{"", &eventv1.PromptEvent{Kind: &eventv1.PromptEvent_Ordered{Ordered: ordered}}}
}

// commit takes a decision upon the tenant's newest state and writes what it decides.
func (s *Service) commit(
	ctx context.Context, c identity.Caller, decide func(*view.Tx, state) (fact, error),
) (stream.Position, error) {
	return s.follower.Commit(ctx, guard(c.Tenant), ids.New("event"), func(tx *view.Tx) (*stream.Event, error) {
		st, err := readState(tx, c.Tenant)
		if err != nil {
			return nil, err
		}
		f, err := decide(tx, st)
		if err != nil || f.event == nil {
			return nil, err
		}
		return encode(c, f)
	})
}

// commitAll is commit for several events: all of them are written, or none.
func (s *Service) commitAll(
	ctx context.Context, c identity.Caller, decide func(*view.Tx, state) ([]fact, error),
) (stream.Position, error) {
	return s.follower.CommitAll(ctx, guard(c.Tenant), ids.New("event"), func(tx *view.Tx) (events []stream.Event, err error) {
		st, err := readState(tx, c.Tenant)
		if err != nil {
			return nil, err
		}
		facts, err := decide(tx, st)
		for _, f := range facts {
			e, wrong := encode(c, f)
			if wrong != nil {
				return nil, wrong
			}
			events = append(events, *e)
		}
		return events, err
	})
}

func encode(c identity.Caller, f fact) (*stream.Event, error) {
	f.event.Meta = &eventv1.Meta{At: timestamppb.New(time.Now()), By: c.Actor(), Service: Name}
	data, err := proto.Marshal(f.event)
	if err != nil {
		return nil, err
	}
	at := subject.PromptOrder(c.Tenant)
	if f.prompt != "" {
		at = subject.Prompt(c.Tenant, f.prompt)
	}
	return &stream.Event{Subject: at, Data: data}, nil
}

func draftOf(d *promptv1.PromptDraft) Draft {
	return Draft{
		Name: d.GetName(), KeyKind: d.GetKeyKind(), KeyID: d.GetKeyId(), Text: d.GetText(),
		Advanced: d.GetAdvanced(), MapText: d.GetMapText(), Split: d.GetSplit(), Memo: d.GetMemo(),
	}
}

// edit lays what a request sets over a draft.
func edit(d *Draft, req *promptv1.UpdatePromptRequest) {
	for _, f := range []struct {
		field *string
		value *string
	}{
		{&d.Name, req.Name}, {&d.KeyKind, req.KeyKind}, {&d.KeyID, req.KeyId}, {&d.Text, req.Text}, //nolint:protogetter // absent is not empty
		{&d.MapText, req.MapText}, {&d.Split, req.Split}, {&d.Memo, req.Memo}, //nolint:protogetter // absent is not empty
	} {
		if f.value != nil {
			*f.field = *f.value
		}
	}
	if req.Advanced != nil {
		d.Advanced = req.GetAdvanced()
	}
}
