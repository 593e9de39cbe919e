package keys_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	keys "github.com/kikigaki/kikigaki/services/key-registry"
)

const nextSecret = "sk-proj-9nextZ7bL2canaryQw4r"

func rotate(t *testing.T, s *keys.Service, id string, revision uint32, secret string) (*keyv1.Key, error) {
	t.Helper()
	res, err := s.RotateSecret(admin(t), &keyv1.RotateSecretRequest{Id: id, Revision: revision, Secret: secret})
	return res.GetKey(), err
}

func TestASecretIsReplacedByOneThatTheProviderAccepts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	here, there := b.one(), b.one()
	k := create(t, here, draft("Main"))
	before := b.stored("a", k.GetId())
	next, err := rotate(t, there, k.GetId(), 1, " "+nextSecret+"\n")
	if err != nil {
		t.Fatal(err)
	}
	if next.GetSecretHint() != "Qw4r" || next.GetRevision() != 2 || next.GetName() != "Main" || next.GetLane() != k.GetLane() ||
		next.GetLimits().GetTokensPerMinute() != 30_000 {
		t.Errorf("got %v", next)
	}
	for _, s := range []*keys.Service{here, there} {
		res, err := release(service(t, "a", worker), s, k.GetId())
		if err != nil || res.GetSecret() != nextSecret || res.GetSecretVersion() != 2 {
			t.Errorf("released version %d: %v", res.GetSecretVersion(), err)
		}
	}
	after := b.stored("a", k.GetId())
	if bytes.Equal(before.GetSealedSecret(), after.GetSealedSecret()) || after.GetSecretVersion() != 2 {
		t.Errorf("stored is %v", after)
	}
	if data, _ := proto.Marshal(after); bytes.Contains(data, []byte("canary")) || strings.Contains(b.said.String(), "canary") {
		t.Error("the new secret is there in the clear")
	}
}

func TestASecretThatIsRefusedChangesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.one()
	k := create(t, s, draft("Main"))
	before := b.stored("a", k.GetId())
	for secret, code := range map[string]string{
		"sk-proj-Wrong8Kp3nVcZyxw": "KEY_REFUSED", "sk-Poor8Kp3nV": "KEY_REFUSED", "sk-Busy8Kp3nVc": "KEY_UNREACHABLE", "": "FIELD_REQUIRED",
	} {
		if _, err := rotate(t, s, k.GetId(), 1, secret); !fault.Is(err, code) {
			t.Errorf("%q: got %v, want %s", secret, err, code)
		}
	}
	for revision, code := range map[uint32]string{0: "REVISION_REQUIRED", 7: "REVISION_STALE"} {
		if _, err := rotate(t, s, k.GetId(), revision, nextSecret); !fault.Is(err, code) {
			t.Errorf("revision %d: got %v", revision, err)
		}
	}
	if _, err := rotate(t, s, "key-other", 1, nextSecret); !fault.Is(err, "NOT_FOUND") {
		t.Errorf("an unknown key: %v", err)
	}
	for _, ctx := range []string{identity.RoleSupervisor, identity.RoleUser} {
		_, err := s.RotateSecret(as(t, "a", ctx), &keyv1.RotateSecretRequest{Id: k.GetId(), Revision: 1, Secret: nextSecret})
		if !fault.Is(err, "FORBIDDEN") {
			t.Errorf("%s: got %v", ctx, err)
		}
	}
	if after := b.stored("a", k.GetId()); !proto.Equal(before, after) {
		t.Errorf("changed to %v", after)
	}
}

func TestOfTwoNewSecretsOneWins(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	replicas := []*keys.Service{b.one(), b.one()}
	k := create(t, replicas[0], draft("Main"))
	var wg sync.WaitGroup
	results := make(chan error, 6)
	for n := range cap(results) {
		wg.Go(func() {
			_, err := rotate(t, replicas[n%2], k.GetId(), 1, nextSecret)
			results <- err
		})
	}
	wg.Wait()
	close(results)
	won := 0
	for err := range results {
		if err == nil {
			won++
		} else if !fault.Is(err, "REVISION_STALE") {
			t.Errorf("got %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d have won", won)
	}
}
