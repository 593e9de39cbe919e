package erasure_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	notificationv1 "github.com/kikigaki/kikigaki/proto/kikigaki/notification/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/broker"
	"github.com/kikigaki/kikigaki/services/internal/erasure"
	"github.com/kikigaki/kikigaki/services/internal/ids"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// installation is a log and a view in one directory, with two calls of which one is erased.
type installation struct {
	t    *testing.T
	dir  string
	log  *stream.Log
	view *view.View
}

func newInstallation(t *testing.T) *installation {
	t.Helper()
	server := streamtest.Start(t)
	l, err := stream.Open(server.Conn(t), stream.Config{})
	if err == nil {
		err = broker.Declare(t.Context(), l, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	i := &installation{t: t, dir: server.StoreDir(), log: l}
	i.view, err = view.Open(view.Config{
		Path: filepath.Join(i.dir, "views", "v.db"), Buckets: []string{"rows", "small"}, Format: "1",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = i.view.Close() })
	for _, call := range []string{"gone", "kept"} {
		i.put(subject.Calls, subject.CallGuard("a", call), subject.Call("a", call, subject.KindOpened), &eventv1.CallEvent{CallId: call})
		i.put(subject.Live, subject.LiveWords("a", call), subject.LiveWords("a", call), &eventv1.LiveEvent{
			Kind: &eventv1.LiveEvent_Words{Words: &eventv1.Words{Entries: []*eventv1.Entry{{Text: "said"}}}},
		})
		i.put(subject.Live, subject.LiveWords("a", call), subject.LiveWords("a", call),
			&eventv1.LiveEvent{Kind: &eventv1.LiveEvent_Sealed{Sealed: &eventv1.Sealed{}}})
		i.put(subject.Transcripts, subject.TranscriptGuard("a", call), subject.Part("a", call, 1), &eventv1.TranscriptEvent{})
	}
	i.put(subject.Calls, subject.CallGuard("a", "gone"), subject.Call("a", "gone", subject.KindErased), &eventv1.CallEvent{CallId: "gone"})
	i.put(subject.Transcripts, subject.TranscriptGuard("a", "gone"), subject.PartsErased("a", "gone"), &eventv1.TranscriptEvent{})
	return i
}

func (i *installation) put(name, guard, at string, m proto.Message) {
	i.t.Helper()
	data, err := proto.Marshal(m)
	if err == nil {
		_, err = i.log.Commit(i.t.Context(), stream.NewGuard(name, guard), ids.New("event"),
			func(context.Context, uint64) (*stream.Event, error) {
				return &stream.Event{Subject: at, Data: data}, nil
			})
	}
	if err != nil {
		i.t.Fatal(err)
	}
}

// rows changes the view.
func (i *installation) rows(change func(tx *view.Tx) error) {
	i.t.Helper()
	if err := i.view.Apply(view.Mark{Stream: "S", Sequence: 1}, nil, change); err != nil {
		i.t.Fatal(err)
	}
}

// left is what verification finds, in short.
func (i *installation) left() (out []string) {
	i.t.Helper()
	got, err := erasure.Verify(i.t.Context(), i.dir)
	if err != nil {
		i.t.Fatal(err)
	}
	if got.Calls != 1 || got.Files == 0 || got.Bytes == 0 {
		i.t.Errorf("%+v", got)
	}
	for _, f := range got.Left {
		if f.Tenant != "a" || f.Call != "gone" {
			i.t.Errorf("found of another call: %+v", f)
		}
		out = append(out, f.What)
	}
	return out
}

func TestVerificationNamesWhatIsLeftOnTheLog(t *testing.T) {
	t.Parallel()
	i := newInstallation(t)
	words, part := subject.LiveWords("a", "gone"), subject.Part("a", "gone", 1)
	opened := subject.Call("a", "gone", subject.KindOpened)
	want := []string{opened, words, part}
	if got := i.left(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("left %q, want %q", got, want)
	}
	last, _, err := i.log.Last(t.Context(), stream.NewGuard(subject.Live, words))
	if err == nil {
		err = i.log.Purge(t.Context(), subject.Live, words, last.Sequence) // as a fold does: it removes and does not overwrite
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := i.left(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("after a purge: left %q, want %q", got, want)
	}
	for _, r := range []erasure.Remains{
		{Stream: subject.Calls, Filter: opened}, {Stream: subject.Transcripts, Filter: part},
	} {
		if err := erasure.Remove(t.Context(), i.log, r, 1<<62, false); err != nil {
			t.Fatal(err)
		}
	}
	if got := i.left(); fmt.Sprint(got) != fmt.Sprint([]string{words}) {
		t.Fatalf("after the erasing: left %q, want %q", got, words)
	}
	if err := i.log.Wipe(t.Context(), subject.Live, subject.LiveFiller()); err != nil {
		t.Fatal(err)
	}
	if got := i.left(); len(got) != 0 {
		t.Errorf("after the wiping: left %q", got)
	}
}

func TestVerificationNamesWhatIsLeftInTheInbox(t *testing.T) {
	t.Parallel()
	i := newInstallation(t)
	before := i.left()
	publish := func(tenant, source string, data []byte) {
		at := subject.InboxOf(tenant, source)
		_, err := i.log.Append(t.Context(), stream.NewGuard(subject.Inbox, at), 0, stream.Event{ID: tenant + source, Subject: at, Data: data})
		if err != nil {
			t.Fatal(err)
		}
	}
	packed, err := proto.Marshal(&eventv1.CallEvent{CallId: "gone"})
	if err != nil {
		t.Fatal(err)
	}
	publish("a", "json", []byte(`{"specversion":"1.0","data":{"callId": "gone","text":"said"}}`))
	publish("a", "protobuf", packed)
	publish("a", "kept", []byte(`{"data":{"callId":"kept","text":"gone and forgotten"}}`))
	publish("b", "json", []byte(`{"data":{"callId":"gone"}}`)) // another tenant's call
	want := slices.Concat(before, []string{subject.InboxOf("a", "json"), subject.InboxOf("a", "protobuf")})
	slices.Sort(want)
	got := i.left()
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("left %q, want %q", got, want)
	}
}

func TestVerificationNamesWhatIsLeftInViews(t *testing.T) {
	t.Parallel()
	i := newInstallation(t)
	for _, r := range []erasure.Remains{
		{Stream: subject.Calls, Filter: subject.Call("a", "gone", subject.KindOpened)},
		{Stream: subject.Transcripts, Filter: subject.Part("a", "gone", 1)},
	} {
		if err := erasure.Remove(t.Context(), i.log, r, 1<<62, false); err != nil {
			t.Fatal(err)
		}
	}
	seal, _, _ := i.log.Last(t.Context(), stream.NewGuard(subject.Live, subject.LiveWords("a", "gone")))
	if _, err := i.log.Erase(t.Context(), subject.Live, subject.LiveWords("a", "gone"), seal.Sequence, nil); err != nil {
		t.Fatal(err)
	}
	note, err := proto.Marshal(&notificationv1.Notification{Type: "analysis.completed", CallId: "gone", CallLabel: "said"})
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("said ", 2000)
	for name, row := range map[string][2]string{
		"words": {"a\x00gone\x00\x00\x00\x00\x07", long}, "record": {"a\x00gone", `{"info":"c2FpZA=="}`},
		"place": {"a\x00\x67\xff\x01\x02\x03\x04\x05\x06gone", "1"}, "outcome": {"a\x00\x00\x00\x00\x00\x00\x00\x00\x07", string(note)},
		"analysis": {"a\x00analysis-1", `{"tenant":"a","call":"gone","text":"said"}`},
	} {
		for _, bucket := range []string{"rows", "small"} {
			i.rows(func(tx *view.Tx) error {
				for n := range 20 { // so that a bucket has pages of its own
					if err := tx.Put("rows", []byte(fmt.Sprint("a\x00kept\x00", n)), []byte(long)); err != nil {
						return err
					}
				}
				return tx.Put(bucket, []byte(row[0]), []byte(row[1]))
			})
			if got := i.left(); fmt.Sprint(got) != "[view]" {
				t.Errorf("%s in %s: left %q", name, bucket, got)
			}
			i.rows(func(tx *view.Tx) error { return errors.Join(tx.Delete(bucket, []byte(row[0])), tx.Forget()) })
			if got := i.left(); fmt.Sprint(got) != "[view]" {
				t.Errorf("%s in %s, in a free page: left %q", name, bucket, got)
			}
			if err := i.view.Scrub(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := i.left(); len(got) != 0 {
				t.Errorf("%s in %s, scrubbed: left %q", name, bucket, got)
			}
		}
	}
	i.rows(func(tx *view.Tx) error {
		return errors.Join(
			tx.Put("rows", []byte("a\x00gone"), []byte(`{"info":null,"erased":true}`)), tx.Put("small", []byte("a\x00gone"), []byte{1}),
			tx.Put("rows", []byte("a\x00gone\x00kept"), []byte("leg")), tx.Put("small", []byte("a\x00gone\x00"), []byte("12345678")),
			tx.Put("rows", []byte("b\x00gone\x00x"), []byte("another tenant's")),
		)
	})
	if got := i.left(); len(got) != 0 {
		t.Errorf("what may stay is taken for %q", got)
	}
}
