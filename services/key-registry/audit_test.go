package keys_test

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/stream"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	keys "github.com/kikigaki/kikigaki/services/key-registry"
)

// records are those of tenant a's changes, in order.
func (b *bench) records() (out []*eventv1.AuditEvent) {
	b.t.Helper()
	g := stream.NewGuard(subject.Audit, subject.AuditBy("a", "key-registry"))
	for after := uint64(0); ; {
		m, ok, err := b.log.After(b.t.Context(), g, after)
		if err != nil {
			b.t.Fatal(err)
		}
		if !ok {
			return out
		}
		record := &eventv1.AuditEvent{}
		if err := proto.Unmarshal(m.Data, record); err != nil || bytes.Contains(m.Data, []byte("canary")) {
			b.t.Fatalf("record %d: %v", m.Sequence, err)
		}
		out, after = append(out, record), m.Sequence
	}
}

func (b *bench) actions() (out []string) {
	for _, r := range b.records() {
		out = append(out, r.GetAction())
	}
	return out
}

func TestEachChangeLeavesOneRecord(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	replicas := []*keys.Service{b.one(), b.one()}
	s := b.one()
	k := create(t, s, draft("Main"))
	if _, err := rotate(t, b.one(), k.GetId(), 1, nextSecret); err != nil {
		t.Fatal(err)
	}
	_, _ = rotate(t, s, k.GetId(), 1, nextSecret) // stale: no change
	if _, err := update(t, s, &keyv1.UpdateKeyRequest{Id: k.GetId(), Revision: 2, Memo: new("why"), MaxOutputTokens: proto.Int32(9)}); err != nil {
		t.Fatal(err)
	}
	for _, r := range replicas {
		_, _ = r.DeleteKey(admin(t), &keyv1.DeleteKeyRequest{Id: k.GetId()}) // the second finds nothing
	}
	if got := b.actions(); !slices.Equal(got, []string{"key.created", "key.rotated", "key.changed", "key.deleted"}) {
		t.Fatalf("recorded is %q", got)
	}
	for i, r := range b.records() {
		if r.GetMeta().GetBy().GetAccountId() != "me" || r.GetMeta().GetAt() == nil || r.GetObjectId() != k.GetId() ||
			r.GetObjectName() != "Main" || r.GetStream() != subject.Keys || r.GetSequence() != uint64(i+1) {
			t.Errorf("record %d is %v", i, r)
		}
	}
	if got := b.records()[1].GetChanged(); !slices.Equal(got, []string{"secret"}) {
		t.Errorf("changed is %q", got)
	}
	if got := b.records()[2].GetChanged(); !slices.Equal(got, []string{"max_output_tokens", "memo"}) {
		t.Errorf("changed is %q", got)
	}
}

// TestAChangeWhoseWriterDiedIsRecordedBeforeTheNext is a fence: of a key only its newest event is kept, and whoever wrote
// it may have died before the record was written.
func TestAChangeWhoseWriterDiedIsRecordedBeforeTheNext(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	here, there := b.one(), b.one()
	for _, id := range []string{"key-1", "key-2"} {
		saved := &eventv1.KeySaved{Id: id, Kind: "openai", Name: id, Revision: 1, BaseUrl: "https://api.example.com/v1"}
		data, err := proto.Marshal(&eventv1.KeyEvent{Action: "created", Kind: &eventv1.KeyEvent_Saved{Saved: saved}})
		if err != nil {
			t.Fatal(err)
		}
		g := stream.NewGuard(subject.Keys, subject.KeyGuard("a"))
		if _, err := b.log.Commit(t.Context(), g, id, func(context.Context, uint64) (*stream.Event, error) {
			return &stream.Event{Subject: subject.Key("a", id), Data: data}, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := here.DeleteKey(admin(t), &keyv1.DeleteKeyRequest{Id: "key-1"}); err != nil {
		t.Fatal(err)
	}
	if got := b.actions(); !slices.Equal(got, []string{"key.created", "key.created", "key.deleted"}) {
		t.Errorf("recorded is %q", got)
	}
	if _, err := there.DeleteKey(admin(t), &keyv1.DeleteKeyRequest{Id: "key-2"}); err != nil {
		t.Fatal(err)
	}
	b.one() // finds nothing to do
	if got := b.actions(); len(got) != 4 {
		t.Errorf("recorded is %q", got)
	}
}

// TestRecordsCannotBeRemoved is a fence: who can write to the log cannot take back what is recorded.
func TestRecordsCannotBeRemoved(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	create(t, b.one(), draft("Main"))
	if err := b.log.Purge(t.Context(), subject.Audit, subject.AuditBy("a", "key-registry"), 2); err == nil {
		t.Error("records were purged")
	}
	g := subject.AuditBy("a", "key-registry")
	if n, err := b.log.Erase(t.Context(), subject.Audit, g, 2, func(stream.Message) bool { return false }); err == nil || n > 0 {
		t.Errorf("%d records were erased", n)
	}
	if got := b.actions(); len(got) != 1 {
		t.Errorf("left is %q", got)
	}
}
