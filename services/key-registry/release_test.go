package keys_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

const worker = "analysis-worker"

// TestASecretIsReleasedToTheWorkerAlone is a fence: nobody else ever needs one, administrators included.
func TestASecretIsReleasedToTheWorkerAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.one()
	k := create(t, s, draft("Main"))
	res, err := release(service(t, "a", worker), s, k.GetId())
	if err != nil || res.GetSecret() != secret || res.GetBaseUrl() != b.base() || !proto.Equal(res.GetKey(), k) {
		t.Errorf("the worker got %v, %v", res, err)
	}
	for _, role := range []string{identity.RoleSystemAdmin, identity.RoleSupervisor, identity.RoleUser, ""} {
		if res, err := release(as(t, "a", role), s, k.GetId()); !fault.Is(err, "FORBIDDEN") || res != nil {
			t.Errorf("%q got %v, %v", role, res, err)
		}
	}
	for _, name := range []string{
		"access", "transcript-ingest", "key-registry", "prompt-registry", "notification", "console", "analysis-worker2",
	} {
		if res, err := release(service(t, "a", name), s, k.GetId()); !fault.Is(err, "FORBIDDEN") || res != nil {
			t.Errorf("%s got %v, %v", name, res, err)
		}
	}
	if res, err := release(t.Context(), s, k.GetId()); !fault.Is(err, "UNAUTHENTICATED") || res != nil {
		t.Errorf("nobody got %v, %v", res, err)
	}
}

func TestTenantsAreApart(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.one()
	k := create(t, s, draft("Main"))
	there := as(t, "b", identity.RoleSystemAdmin)
	_, got := s.GetKey(there, &keyv1.GetKeyRequest{Id: k.GetId()})
	_, deleted := s.DeleteKey(there, &keyv1.DeleteKeyRequest{Id: k.GetId()})
	_, released := release(service(t, "b", worker), s, k.GetId())
	for _, err := range []error{got, deleted, released} {
		if !fault.Is(err, "NOT_FOUND") {
			t.Errorf("another tenant's key gives %v", err)
		}
	}
	if keys := list(t, s, "b"); len(keys) != 0 {
		t.Errorf("got %v", keys)
	}
	if _, err := s.CreateKey(there, &keyv1.CreateKeyRequest{Draft: draft("Main")}); err != nil {
		t.Errorf("the same name elsewhere: %v", err)
	}
}

func TestADeletedKeyIsNeverReleasedAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	here, there := b.one(), b.one()
	for range 5 {
		k := create(t, here, draft("Main"))
		if res, err := release(service(t, "a", worker), there, k.GetId()); err != nil || res.GetSecret() != secret {
			t.Fatalf("the other replica gives %v", err)
		}
		if _, err := here.DeleteKey(admin(t), &keyv1.DeleteKeyRequest{Id: k.GetId(), Revision: 1}); err != nil {
			t.Fatal(err)
		}
		if res, err := release(service(t, "a", worker), there, k.GetId()); !fault.Is(err, "NOT_FOUND") || res != nil {
			t.Fatalf("deleted, it is released: %v", err)
		}
		if res, err := release(service(t, "a", worker), here, k.GetId()); !fault.Is(err, "NOT_FOUND") || res != nil {
			t.Fatalf("deleted here, it is released: %v", err)
		}
	}
}

func TestAKeyThatPromptsUseStays(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.one()
	k := create(t, s, draft("Main"))
	b.prompt("Summary", k.GetId())
	b.prompt("Claims", k.GetId())
	_, err := s.DeleteKey(admin(t), &keyv1.DeleteKeyRequest{Id: k.GetId()})
	if f, _ := fault.As(err); f == nil || f.Code != "KEY_IN_USE" || f.Params["prompts"] != "Claims, Summary" {
		t.Fatalf("got %v", err)
	}
	b.prompt("Summary", "another")
	b.prompt("Claims", "another")
	if _, err := s.DeleteKey(admin(t), &keyv1.DeleteKeyRequest{Id: k.GetId(), Revision: 2}); !fault.Is(err, "REVISION_STALE") {
		t.Errorf("got %v", err)
	}
	if _, err := s.DeleteKey(admin(t), &keyv1.DeleteKeyRequest{Id: k.GetId(), Revision: 1}); err != nil {
		t.Errorf("unused, it stays: %v", err)
	}
	if _, err := s.DeleteKey(admin(t), &keyv1.DeleteKeyRequest{Id: k.GetId()}); !fault.Is(err, "NOT_FOUND") {
		t.Errorf("again: %v", err)
	}
}
