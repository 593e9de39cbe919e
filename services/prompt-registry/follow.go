package prompts

import (
	"bytes"
	"fmt"
	"math"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
)

// apply brings the view up to one message. Kinds it does not know, of a newer version, change nothing.
func apply(tx *view.Tx, m stream.Message) error {
	noun, tenant, rest, ok := subject.Parse(m.Subject)
	if !ok {
		return fmt.Errorf("prompts: foreign subject %q", m.Subject)
	}
	switch noun {
	case subject.NounPrompt:
		return applyPrompt(tx, tenant, m)
	case subject.NounKey:
		return applyKey(tx, tenant, rest[0], m)
	}
	return nil
}

func applyPrompt(tx *view.Tx, tenant string, m stream.Message) error {
	var event eventv1.PromptEvent
	if err := proto.Unmarshal(m.Data, &event); err != nil {
		return err
	}
	switch e := event.GetKind().(type) {
	case *eventv1.PromptEvent_Saved:
		return applySaved(tx, tenant, &event)
	case *eventv1.PromptEvent_Deleted:
		if err := forget(tx, tenant, e.Deleted.GetId(), math.MaxUint32); err != nil {
			return err
		}
		return tx.Delete(promptBucket, key(tenant, e.Deleted.GetId()))
	case *eventv1.PromptEvent_Ordered:
		return put(tx, orderBucket, []byte(tenant), &event)
	}
	return nil
}

func applySaved(tx *view.Tx, tenant string, event *eventv1.PromptEvent) error {
	id, revision := event.GetSaved().GetId(), event.GetSaved().GetRevision()
	if revision > keptRevisions {
		if err := forget(tx, tenant, id, revision-keptRevisions); err != nil {
			return err
		}
	}
	if err := put(tx, revisionBucket, revisionKey(tenant, id, revision), event); err != nil {
		return err
	}
	return put(tx, promptBucket, key(tenant, id), event)
}

// keptRevisions is how many revisions of a prompt the log keeps. The view keeps the same, so that one made anew is equal to
// one that has seen everything.
const keptRevisions = 50

// forget removes a prompt's revisions up to one: all of them, because a view that was away sees a gap.
func forget(tx *view.Tx, tenant, id string, upTo uint32) error {
	var old [][]byte
	last := revisionKey(tenant, id, upTo)
	for k := range tx.Scan(revisionBucket, append(key(tenant, id), 0), nil) {
		if bytes.Compare(k, last) > 0 {
			break
		}
		old = append(old, bytes.Clone(k))
	}
	for _, k := range old {
		if err := tx.Delete(revisionBucket, k); err != nil {
			return err
		}
	}
	return nil
}

func applyKey(tx *view.Tx, tenant, id string, m stream.Message) error {
	var event eventv1.KeyEvent
	if err := proto.Unmarshal(m.Data, &event); err != nil {
		return err
	}
	switch e := event.GetKind().(type) {
	case *eventv1.KeyEvent_Saved:
		return put(tx, keyBucket, key(tenant, id), &eventv1.KeySaved{ // the sealed secret stays where it is needed
			Kind: e.Saved.GetKind(), Model: e.Saved.GetModel(), ShutdownDate: e.Saved.GetShutdownDate(),
			Refused: &eventv1.KeyRefusal{Reason: e.Saved.GetRefused().GetReason()},
		})
	case *eventv1.KeyEvent_Deleted:
		return tx.Delete(keyBucket, key(tenant, id))
	}
	return nil
}

// put stores a message deterministically, so that equal states have equal sums.
func put(tx *view.Tx, bucket string, k []byte, m proto.Message) error {
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return err
	}
	return tx.Put(bucket, k, value)
}
