package keys_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/stream"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	keys "github.com/kikigaki/kikigaki/services/key-registry"
)

// TestASecretIsNowhereInTheClear is a fence: it looks for a key that was saved, and for one that was refused, in all
// answers, in the logs, in the view's file and in the log's own files.
func TestASecretIsNowhereInTheClear(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	views := t.TempDir()
	s := b.replica(views, "127.0.0.0/8")
	created, err := s.CreateKey(admin(t), &keyv1.CreateKeyRequest{Draft: draft("Main")})
	if err != nil {
		t.Fatal(err)
	}
	bad := draft("Bad")
	bad.Secret = "sk-proj-Wrong8Kp3nVcanary"
	_, refused := try(t, s, bad)
	listed, err := s.ListKeys(admin(t), &keyv1.ListKeysRequest{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.GetKey(admin(t), &keyv1.GetKeyRequest{Id: created.GetKey().GetId()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := release(service(t, "a", worker), s, created.GetKey().GetId()); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	places := map[string][]byte{"a refusal": fmt.Append(nil, refused), "the logs": []byte(b.said.String())}
	for _, answer := range []proto.Message{created, listed, got} {
		data, err := proto.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		places[string(answer.ProtoReflect().Descriptor().Name())] = data
	}
	files(t, views, places)
	files(t, b.server.StoreDir(), places)
	kept := 0
	for place, data := range places {
		if bytes.Contains(data, []byte(created.GetKey().GetId())) {
			kept++
		}
		for _, part := range []string{"canary", "4mT9wQxZ7b", "Wrong8Kp3n"} {
			if bytes.Contains(data, []byte(part)) {
				t.Errorf("%q is in %s", part, place)
			}
		}
	}
	if kept < 5 { // three answers, the view, the log's store
		t.Errorf("the key was looked for in %d places that know it, out of %d", kept, len(places))
	}
}

// files reads all files of a folder.
func files(t *testing.T, dir string, into map[string][]byte) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		into[path] = data
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAViewIsBuiltAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	views := t.TempDir()
	s := b.replica(views, "127.0.0.0/8")
	for _, name := range []string{"B", "A", "C"} {
		create(t, s, draft(name))
	}
	gone := create(t, s, draft("Gone"))
	if _, err := s.DeleteKey(admin(t), &keyv1.DeleteKeyRequest{Id: gone.GetId()}); err != nil {
		t.Fatal(err)
	}
	b.prompt("Summary", list(t, s, "a")[0].GetId())
	second := b.one()
	want, sums := state(t, second)
	if got, gotSums := state(t, s); got != want || gotSums != sums {
		t.Errorf("two replicas differ:\n%s\n%s", got, want)
	}
	if err := s.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(views); err != nil {
		t.Fatal(err)
	}
	again := b.replica(views, "127.0.0.0/8")
	if got, gotSums := state(t, again); got != want || gotSums != sums {
		t.Errorf("built again:\n%s\n%s", got, want)
	}
	for _, k := range list(t, again, "a") {
		if res, err := release(service(t, "a", worker), again, k.GetId()); err != nil || res.GetSecret() != secret {
			t.Errorf("%s: %v", k.GetName(), err)
		}
	}
}

// state is all that a replica answers and the sums of its view, at the newest position.
func state(t *testing.T, s *keys.Service) (answers, sums string) {
	t.Helper()
	if _, err := s.DeleteKey(admin(t), &keyv1.DeleteKeyRequest{Id: "nothing"}); err == nil {
		t.Error("nothing was deleted") // a write brings the replica up to the newest keys and prompts
	}
	records := stream.NewGuard(subject.Audit, subject.AuditBy("a", keys.Name))
	if err := s.Follower().Newest(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, k := range list(t, s, "a") {
		data, err := proto.MarshalOptions{Deterministic: true}.Marshal(k)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s %x", k.GetName(), data))
	}
	sum, err := s.Follower().View().Sums()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, "\n"), fmt.Sprint(sum)
}

func TestAnotherMasterKeyOpensNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	k := create(t, b.one(), draft("Main"))
	b.master = filepath.Join(t.TempDir(), "other.key")
	res, err := release(service(t, "a", worker), b.one(), k.GetId())
	if err == nil || res != nil || strings.Contains(err.Error(), secret) {
		t.Errorf("got %v, %v", res, err)
	}
}
