package prompts

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
)

// Buckets of the view.
const (
	promptBucket = "prompts" // tenant, 0, prompt id -> PromptSaved
	orderBucket  = "order"   // tenant -> PromptsOrdered
	keyBucket    = "keys"    // tenant, 0, key id -> kind
	viewFormat   = "1"
)

func key(tenant, id string) []byte { return []byte(tenant + "\x00" + id) }

// state is everything of a tenant that a decision about its prompts needs.
type state struct {
	prompts  []Prompt
	order    []string
	revision uint32 // of the order
}

func readState(tx *view.Tx, tenant string) (state, error) {
	var s state
	for _, value := range tx.Scan(promptBucket, key(tenant, ""), nil) {
		var saved eventv1.PromptSaved
		if err := proto.Unmarshal(value, &saved); err != nil {
			return s, fmt.Errorf("prompts: view: %w", err)
		}
		s.prompts = append(s.prompts, promptOf(&saved))
	}
	if value := tx.Get(orderBucket, []byte(tenant)); value != nil {
		var ordered eventv1.PromptsOrdered
		if err := proto.Unmarshal(value, &ordered); err != nil {
			return s, fmt.Errorf("prompts: view: %w", err)
		}
		s.order, s.revision = ordered.GetIds(), ordered.GetRevision()
	}
	return s, nil
}

// arranged are the prompts as they are shown.
func (s state) arranged() []Prompt { return arrange(s.prompts, s.order) }

// keyKind returns the kind of a key, "" when there is no such key.
func keyKind(tx *view.Tx, tenant, id string) string {
	return string(tx.Get(keyBucket, key(tenant, id)))
}

// keyExists checks that a draft names a key there is, of the kind it says.
func keyExists(tx *view.Tx, tenant string, d Draft) error {
	if keyKind(tx, tenant, d.KeyID) != d.KeyKind {
		return fault.New(fault.Unprocessable, "KEY_NOT_FOUND", fault.Field("keyId"))
	}
	return nil
}

// brokenCode says why a prompt cannot be used; "" when it can.
func brokenCode(tx *view.Tx, tenant string, p Prompt) string {
	if keyKind(tx, tenant, p.KeyID) != p.KeyKind {
		return "KEY_NOT_FOUND"
	}
	return ""
}

func promptOf(e *eventv1.PromptSaved) Prompt {
	return Prompt{
		ID: e.GetId(), Revision: e.GetRevision(), Rank: e.GetCreatedRank(),
		Draft: Draft{
			Name: e.GetName(), KeyKind: e.GetKeyKind(), KeyID: e.GetKeyId(), Text: e.GetText(),
			Advanced: e.GetAdvanced(), MapText: e.GetMapText(), Split: e.GetSplit(), Memo: e.GetMemo(),
		},
	}
}

func (p Prompt) saved() *eventv1.PromptSaved {
	return &eventv1.PromptSaved{
		Id: p.ID, Revision: p.Revision, CreatedRank: p.Rank,
		Name: p.Name, KeyKind: p.KeyKind, KeyId: p.KeyID, Text: p.Text,
		Advanced: p.Advanced, MapText: p.MapText, Split: p.Split, Memo: p.Memo,
	}
}
