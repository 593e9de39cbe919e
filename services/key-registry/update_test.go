package keys_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	keys "github.com/kikigaki/kikigaki/services/key-registry"
)

func update(t *testing.T, s *keys.Service, req *keyv1.UpdateKeyRequest) (*keyv1.Key, error) {
	t.Helper()
	res, err := s.UpdateKey(admin(t), req)
	return res.GetKey(), err
}

func TestAKeyIsChangedAtTheRevisionThatWasRead(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.one()
	k := create(t, s, draft("Main"))
	create(t, s, draft("Other"))
	before := len(b.asked())
	got, err := update(t, s, &keyv1.UpdateKeyRequest{
		Id: k.GetId(), Revision: 1, Name: new("Renamed"), Memo: new("why"), MaxOutputTokens: proto.Int32(9),
	})
	if err != nil || got.GetName() != "Renamed" || got.GetMemo() != "why" || got.GetMaxOutputTokens() != 9 || got.GetRevision() != 2 {
		t.Fatalf("got %v, %v", got, err)
	}
	if got.GetVerifiedAt().AsTime() != k.GetVerifiedAt().AsTime() || got.GetLane() != k.GetLane() || len(b.asked()) != before {
		t.Error("the provider was asked about a name")
	}
	for name, c := range map[string]struct {
		req  *keyv1.UpdateKeyRequest
		code string
	}{
		"a stale revision": {&keyv1.UpdateKeyRequest{Id: k.GetId(), Revision: 1, Memo: new("x")}, "REVISION_STALE"},
		"no revision":      {&keyv1.UpdateKeyRequest{Id: k.GetId(), Memo: new("x")}, "REVISION_REQUIRED"},
		"nothing":          {&keyv1.UpdateKeyRequest{Id: "key-x", Revision: 1}, "NOT_FOUND"},
		"another's name":   {&keyv1.UpdateKeyRequest{Id: k.GetId(), Revision: 2, Name: new("Other")}, "NAME_TAKEN"},
		"no name":          {&keyv1.UpdateKeyRequest{Id: k.GetId(), Revision: 2, Name: new("")}, "FIELD_REQUIRED"},
		"no secret":        {&keyv1.UpdateKeyRequest{Id: k.GetId(), Revision: 2, Secret: new("")}, "FIELD_REQUIRED"},
		"a wrong secret":   {&keyv1.UpdateKeyRequest{Id: k.GetId(), Revision: 2, Secret: new("sk-proj-Wrong8Kp3nVcZyxw")}, "KEY_REFUSED"},
		"an unknown model": {&keyv1.UpdateKeyRequest{Id: k.GetId(), Revision: 2, Model: new("nothing")}, "KEY_REFUSED"},
		"busy":             {&keyv1.UpdateKeyRequest{Id: k.GetId(), Revision: 2, Secret: new("sk-Busy8Kp3nVc")}, "KEY_UNREACHABLE"},
	} {
		if _, err := update(t, s, c.req); !fault.Is(err, c.code) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if now, err := s.GetKey(admin(t), &keyv1.GetKeyRequest{Id: k.GetId()}); err != nil || !proto.Equal(now.GetKey(), got) {
		t.Errorf("refused changes left %v, %v", now, err)
	}
	if _, err := s.UpdateKey(as(t, "a", identity.RoleUser), &keyv1.UpdateKeyRequest{Id: k.GetId(), Revision: 2}); !fault.Is(err, "FORBIDDEN") {
		t.Errorf("a user: %v", err)
	}
	if _, err := s.UpdateKey(as(t, "b", identity.RoleSystemAdmin), &keyv1.UpdateKeyRequest{Id: k.GetId(), Revision: 2}); !fault.Is(err, "NOT_FOUND") {
		t.Errorf("another tenant: %v", err)
	}
}

func TestAChangedSecretTakesTheOldOnesPlace(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.one()
	k := create(t, s, draft("Main"))
	const next = "sk-proj-Next5uVwXyZ7bL2canaryQr8s"
	got, err := update(t, s, &keyv1.UpdateKeyRequest{Id: k.GetId(), Revision: 1, Secret: new(next), Model: new("gpt-10")})
	if err != nil || got.GetSecretHint() != "Qr8s" || got.GetModel() != "gpt-10" || got.GetLane() == k.GetLane() {
		t.Fatalf("got %v, %v", got, err)
	}
	for _, replica := range []*keys.Service{s, b.one()} {
		if res, err := release(service(t, "a", worker), replica, k.GetId()); err != nil || res.GetSecret() != next {
			t.Errorf("released: %v, %v", res, err)
		}
	}
	got, err = update(t, s, &keyv1.UpdateKeyRequest{Id: k.GetId(), Revision: 2, Model: new("gpt-9")}) // asked with the stored one
	if err != nil || got.GetSecretHint() != "Qr8s" {
		t.Errorf("got %v, %v", got, err)
	}
	got, err = update(t, s, &keyv1.UpdateKeyRequest{
		Id: k.GetId(), Revision: 3, Secret: new("sk-Busy8Kp3nVc"), SaveUnverified: true,
	})
	if err != nil || got.GetVerifiedAt() != nil {
		t.Errorf("unverified: %v, %v", got, err)
	}
}

// TestAnotherPlaceNeedsTheSecretAgain is a fence: who may edit a key must not thereby have its secret sent to a host of
// their own. Another path of the same host is no other place.
func TestAnotherPlaceNeedsTheSecretAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	evil := newProvider(t)
	s := b.one()
	k := create(t, s, draft("Main"))
	port := b.base()[strings.LastIndex(b.base(), ":"):]
	for _, place := range []string{
		evil.base(), strings.Replace(b.base(), "http:", "https:", 1), "http://localhost" + port, "http://127.0.0.2" + port,
		"http://127.0.0.1/v1",
	} {
		_, err := update(t, s, &keyv1.UpdateKeyRequest{Id: k.GetId(), Revision: 1, BaseUrl: &place, SaveUnverified: true})
		if f, _ := fault.As(err); !fault.Is(err, "FIELD_REQUIRED") || f.Field != "secret" || f.Params["reason"] != "host_changed" {
			t.Errorf("%s: %v", place, err)
		}
	}
	if asked := evil.asked(); len(asked) != 0 {
		t.Errorf("the other place was asked %q", asked)
	}
	same := strings.ToUpper(b.base()[:4]) + b.base()[4:] + "/"
	if got, err := update(t, s, &keyv1.UpdateKeyRequest{Id: k.GetId(), Revision: 1, BaseUrl: &same}); err != nil || got.GetBaseUrl() != b.base() {
		t.Errorf("the same place: %v, %v", got, err)
	}
	other := evil.base()
	got, err := update(t, s, &keyv1.UpdateKeyRequest{Id: k.GetId(), Revision: 2, BaseUrl: &other, Secret: new(secret)})
	if err != nil || got.GetBaseUrl() != other || len(evil.asked()) == 0 {
		t.Errorf("with the secret: %v, %v", got, err)
	}
	if res, err := release(service(t, "a", worker), s, k.GetId()); err != nil || res.GetSecret() != secret || res.GetBaseUrl() != other {
		t.Errorf("released: %v", err)
	}
}

func TestTwoAdministratorsDoNotOverwriteEachOther(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	replicas := []*keys.Service{b.one(), b.one()}
	k := create(t, replicas[0], draft("Main"))
	errs := make(chan error)
	for n := range 6 {
		go func() {
			_, err := replicas[n%2].UpdateKey(admin(t), &keyv1.UpdateKeyRequest{Id: k.GetId(), Revision: 1, Model: new("gpt-" + string(rune('a'+n)))})
			errs <- err
		}()
	}
	won := 0
	for range 6 {
		if err := <-errs; err == nil {
			won++
		} else if !fault.Is(err, "REVISION_STALE") {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d changes of one revision", won)
	}
}

// What the provider says of a key that was accepted is kept, also its no, and the revision that people work on stays.
func TestAKeyIsVerifiedAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	sim, base := simulated(t, simConfig{})
	s := b.one()
	k := create(t, s, refusing("", base))
	verify := func() (*keyv1.Key, error) {
		t.Helper()
		_, err := s.VerifyKey(admin(t), &keyv1.VerifyKeyRequest{Id: k.GetId()})
		now, looked := s.GetKey(admin(t), &keyv1.GetKeyRequest{Id: k.GetId()})
		if looked != nil {
			t.Fatal(looked)
		}
		return now.GetKey(), err
	}
	sim.Script(simFault{Refusal: "deactivated", Endpoint: "models"})
	now, err := verify()
	if r := now.GetRefused(); !fault.Is(err, "KEY_REFUSED") || r.GetReason() != "deactivated" || r.GetField() != "secret" ||
		r.GetStatus() != 401 || r.GetCode() != "account_deactivated" || !strings.Contains(r.GetMessage(), "deactivated") || r.GetAt() == nil {
		t.Errorf("refused: %v, %v", now, err)
	}
	if now.GetRevision() != 1 || now.GetVerifiedAt().AsTime() != k.GetVerifiedAt().AsTime() || now.GetLimits().GetTokensPerMinute() == 0 {
		t.Errorf("refused, it became %v", now)
	}
	sim.Script(simFault{Refusal: "overload", Endpoint: "any"})
	if same, err := verify(); !fault.Is(err, "KEY_UNREACHABLE") || !proto.Equal(same, now) {
		t.Errorf("unreachable: %v, %v", same, err)
	}
	if now, err = verify(); err != nil || now.GetRefused() != nil || !now.GetVerifiedAt().AsTime().After(k.GetVerifiedAt().AsTime()) {
		t.Errorf("accepted again: %v, %v", now, err)
	}
	sim.Script(simFault{Refusal: "azure filter"}) // accepted, and without a word of limits
	if now, err = verify(); err != nil || now.GetLimits().GetTokensPerMinute() == 0 {
		t.Errorf("what it said last is forgotten: %v, %v", now, err)
	}
	if _, err := s.VerifyKey(admin(t), &keyv1.VerifyKeyRequest{Id: "nothing"}); !fault.Is(err, "NOT_FOUND") {
		t.Errorf("nothing: %v", err)
	}
	if _, err := s.VerifyKey(as(t, "a", identity.RoleSupervisor), &keyv1.VerifyKeyRequest{Id: k.GetId()}); !fault.Is(err, "FORBIDDEN") {
		t.Errorf("a supervisor: %v", err)
	}
}
