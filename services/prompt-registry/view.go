package prompts

import (
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
)

// Buckets of the view.
const (
	promptBucket   = "prompts"   // tenant, 0, prompt id -> PromptEvent, saved
	revisionBucket = "revisions" // tenant, 0, prompt id, 0, revision (big endian) -> PromptEvent, saved
	orderBucket    = "order"     // tenant -> PromptEvent, ordered
	keyBucket      = "keys"      // tenant, 0, key id -> KeySaved, of it what prompts need
	viewFormat     = "3"
)

func key(tenant, id string) []byte { return []byte(tenant + "\x00" + id) }

// revisionKey is where a revision lies; revision 0 lies before all of a prompt's.
func revisionKey(tenant, id string, revision uint32) []byte {
	return binary.BigEndian.AppendUint32(append(key(tenant, id), 0), revision)
}

// state is everything of a tenant that a decision about its prompts needs.
type state struct {
	prompts []Prompt
	order   Order
}

func readState(tx *view.Tx, tenant string) (state, error) {
	var s state
	for _, value := range tx.Scan(promptBucket, key(tenant, ""), nil) {
		p, err := decodePrompt(value)
		if err != nil {
			return s, err
		}
		s.prompts = append(s.prompts, p)
	}
	if value := tx.Get(orderBucket, []byte(tenant)); value != nil {
		var event eventv1.PromptEvent
		if err := proto.Unmarshal(value, &event); err != nil {
			return s, damaged(err)
		}
		ordered := event.GetOrdered()
		s.order = Order{IDs: ordered.GetIds(), Revision: ordered.GetRevision(), Made: madeOf(event.GetMeta())}
	}
	return s, nil
}

// arranged are the prompts as they are shown.
func (s state) arranged() []Prompt { return arrange(s.prompts, s.order.IDs) }

// readRevisions returns what is kept of a prompt's history, the newest first.
func readRevisions(tx *view.Tx, tenant, id string) (list []Prompt, err error) {
	for _, value := range tx.ScanBack(revisionBucket, append(key(tenant, id), 0), nil) {
		p, err := decodePrompt(value)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

func decodePrompt(value []byte) (Prompt, error) {
	var event eventv1.PromptEvent
	if err := proto.Unmarshal(value, &event); err != nil {
		return Prompt{}, damaged(err)
	}
	p := promptOf(event.GetSaved())
	p.Made = madeOf(event.GetMeta())
	return p, nil
}

func damaged(err error) error { return fmt.Errorf("prompts: view: %w", err) }

func madeOf(m *eventv1.Meta) Made {
	made := Made{ByID: m.GetBy().GetAccountId(), By: m.GetBy().GetName()}
	if m.GetAt() != nil {
		made.At = m.GetAt().AsTime()
	}
	return made
}

// readKey returns what a prompt needs to know of a key; nil when there is no such key.
func readKey(tx *view.Tx, tenant, id string) *Key {
	value := tx.Get(keyBucket, key(tenant, id))
	if value == nil {
		return nil
	}
	var saved eventv1.KeySaved
	if proto.Unmarshal(value, &saved) != nil {
		return nil
	}
	k := &Key{Kind: saved.GetKind(), Model: saved.GetModel(), Refused: saved.GetRefused().GetReason()}
	if saved.GetShutdownDate() != nil {
		k.Shutdown = saved.GetShutdownDate().AsTime()
	}
	return k
}

// keyExists checks that a draft names a key there is, of the kind it says.
func keyExists(tx *view.Tx, tenant string, d Draft) error {
	if k := readKey(tx, tenant, d.KeyID); k == nil || k.Kind != d.KeyKind {
		return fault.New(fault.Unprocessable, reasonKeyGone, fault.Field("keyId"))
	}
	return nil
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
