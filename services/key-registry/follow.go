package keys

import (
	"fmt"

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
		return fmt.Errorf("keys: foreign subject %q", m.Subject)
	}
	switch noun {
	case subject.NounKey:
		return applyKey(tx, tenant, m)
	case subject.NounPrompt:
		return applyPrompt(tx, tenant, m)
	case subject.NounAudit:
		return applyAudit(tx, tenant, rest[0], m)
	}
	return nil
}

func applyKey(tx *view.Tx, tenant string, m stream.Message) error {
	var event eventv1.KeyEvent
	if err := proto.Unmarshal(m.Data, &event); err != nil {
		return err
	}
	if err := applyChange(tx, tenant, m, &event); err != nil {
		return err
	}
	switch e := event.GetKind().(type) {
	case *eventv1.KeyEvent_Saved:
		return put(tx, keyBucket, key(tenant, e.Saved.GetId()), e.Saved)
	case *eventv1.KeyEvent_Deleted:
		return tx.Delete(keyBucket, key(tenant, e.Deleted.GetId()))
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
		use := &eventv1.PromptSaved{Id: e.Saved.GetId(), Name: e.Saved.GetName(), KeyId: e.Saved.GetKeyId()}
		return put(tx, promptBucket, key(tenant, use.GetId()), use)
	case *eventv1.PromptEvent_Deleted:
		return tx.Delete(promptBucket, key(tenant, e.Deleted.GetId()))
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
