package keys_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kikigaki/kikigaki/pkg/fault"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	keys "github.com/kikigaki/kikigaki/services/key-registry"
)

func TestAKeyIsSavedWhenTheProviderHasAcceptedIt(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.one()
	d := draft("Main")
	d.Secret, d.OrganizationId, d.Memo, d.MaxOutputTokens = "  "+secret+"\n", "org-1", "two\r\nlines", 100
	got := create(t, s, d)
	if want := []string{"GET /v1/models/gpt-9", "POST /v1/chat/completions"}; !slices.Equal(b.asked(), want) {
		t.Errorf("the provider was asked %q", b.asked())
	}
	if got.GetSecretHint() != "Kp3n" || got.GetRevision() != 1 || got.GetBaseUrl() != b.base() || got.GetMemo() != "two\nlines" ||
		got.GetLimits().GetRequestsPerMinute() != 500 || got.GetLimits().GetTokensPerMinute() != 30_000 ||
		got.GetShutdownDate().AsTime().Year() != 2199 || got.GetVerifiedAt() == nil || got.GetLane() == "" || got.GetMaxOutputTokens() != 100 {
		t.Errorf("got %v", got)
	}
	res, err := s.GetKey(admin(t), &keyv1.GetKeyRequest{Id: got.GetId()})
	if err != nil || res.GetKey().String() != got.String() {
		t.Errorf("got %v, %v", res, err)
	}
}

func TestWhatIsRefusedIsNotSaved(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.one()
	for name, c := range map[string]struct {
		edit  func(*keyv1.KeyDraft)
		code  string
		field string
		says  string
	}{
		"a wrong key":               {func(d *keyv1.KeyDraft) { d.Secret = "sk-proj-Wrong8Kp3nVcZyxw" }, "KEY_REFUSED", "secret", "Incorrect API key"},
		"a key that may only look":  {func(d *keyv1.KeyDraft) { d.Secret = "sk-Looking8Kp3" }, "KEY_REFUSED", "secret", "insufficient permissions"},
		"no credit":                 {func(d *keyv1.KeyDraft) { d.Secret = "sk-Poor8Kp3nV" }, "KEY_REFUSED", "secret", "quota"},
		"a foreign organisation":    {func(d *keyv1.KeyDraft) { d.Secret, d.OrganizationId = "sk-Foreign8Kp3", "org-x" }, "KEY_REFUSED", "organizationId", "match organization"},
		"a foreign project":         {func(d *keyv1.KeyDraft) { d.Secret, d.ProjectId = "sk-proj-Stray8Kp3", "proj-x" }, "KEY_REFUSED", "projectId", "OpenAI-Project"},
		"a spent limit":             {func(d *keyv1.KeyDraft) { d.Secret = "sk-Spent8Kp3" }, "KEY_REFUSED", "secret", "used up its limit"},
		"an unknown model":          {func(d *keyv1.KeyDraft) { d.Model = "nothing" }, "KEY_REFUSED", "model", "does not exist"},
		"a web page":                {func(d *keyv1.KeyDraft) { d.Secret = "sk-Web8Kp3nVcZ" }, "KEY_REFUSED", "baseUrl", "text/html"},
		"a private address":         {func(d *keyv1.KeyDraft) { d.BaseUrl = "http://10.0.0.1/v1" }, "KEY_REFUSED", "baseUrl", "not a public address"},
		"a provider in trouble":     {func(d *keyv1.KeyDraft) { d.Secret = "sk-Busy8Kp3nVc" }, "KEY_UNREACHABLE", "", "Overloaded"},
		"a port nobody listens on":  {func(d *keyv1.KeyDraft) { d.BaseUrl = "http://127.0.0.1:1/v1" }, "KEY_UNREACHABLE", "", "refused"},
		"no list of models, openai": {func(d *keyv1.KeyDraft) { d.Secret = "sk-Small8Kp3nV" }, "KEY_REFUSED", "baseUrl", ""},
	} {
		d := draft("Main")
		c.edit(d)
		_, err := try(t, s, d)
		f, ok := fault.As(err)
		if !ok || f.Code != c.code || f.Field != c.field || f.Provider == nil || !strings.Contains(f.Provider.Message, c.says) {
			t.Errorf("%s: got %v", name, err)
			continue
		}
		rest := strings.NewReplacer("sk-proj-", "", "sk-", "").Replace(d.GetSecret())
		for at := 0; at+4 <= len(rest); at++ {
			if strings.Contains(err.Error()+f.Provider.Message+b.said.String(), rest[at:at+4]) {
				t.Errorf("%s: %q of the key is told: %v", name, rest[at:at+4], err)
			}
		}
	}
	if got := list(t, s, "a"); len(got) != 0 {
		t.Errorf("saved: %v", got)
	}
}

func TestALongWaitIsPassedOn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	d := draft("Main")
	d.Secret = "sk-Busy8Kp3nVc"
	_, err := try(t, b.one(), d)
	if f, _ := fault.As(err); f == nil || f.RetryAfter.Seconds() != 7 || f.Kind != fault.Unavailable {
		t.Errorf("got %v", err)
	}
}

// TestOurOwnMachinesAreNotCalled is a fence: an address that somebody typed in must not reach what stands beside us.
func TestOurOwnMachinesAreNotCalled(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, err := try(t, b.replica(t.TempDir()), draft("Main"))
	if f, _ := fault.As(err); f == nil || f.Code != "KEY_REFUSED" || f.Field != "baseUrl" {
		t.Errorf("got %v", err)
	}
	if asked := b.asked(); len(asked) != 0 {
		t.Errorf("the provider was asked %q", asked)
	}
}

func TestACompatibleServerNeedsNoListOfModels(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	d := draft("Small")
	d.Kind, d.Secret, d.BaseUrl = "compatible", "sk-Small8Kp3nV", b.base()
	if k := create(t, b.one(), d); !k.GetShutdownDate().AsTime().IsZero() && k.GetShutdownDate() != nil {
		t.Errorf("got %v", k)
	}
}

func TestANameIsTakenOncePerKind(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	replicas := []*keys.Service{b.one(), b.one()}
	var wg sync.WaitGroup
	results := make(chan error, 8)
	for n := range cap(results) {
		wg.Go(func() {
			_, err := try(t, replicas[n%2], draft("Same"))
			results <- err
		})
	}
	wg.Wait()
	close(results)
	saved := 0
	for err := range results {
		if err == nil {
			saved++
		} else if f, _ := fault.As(err); f.Code != "NAME_TAKEN" || f.Field != "name" {
			t.Errorf("got %v", err)
		}
	}
	if saved != 1 {
		t.Errorf("%d keys have the name", saved)
	}
	other := draft("Same")
	other.Kind, other.BaseUrl = "compatible", b.base()
	if _, err := try(t, replicas[1], other); err != nil {
		t.Errorf("another kind: %v", err)
	}
	before := len(b.asked())
	if _, err := try(t, replicas[0], draft("Same")); !fault.Is(err, "NAME_TAKEN") || len(b.asked()) != before {
		t.Errorf("got %v, and the provider was asked", err)
	}
}

func TestOnlyAdministratorsSeeKeys(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.one()
	id := create(t, s, draft("Main")).GetId()
	for _, role := range []string{identity.RoleSupervisor, identity.RoleUser, ""} {
		ctx := as(t, "a", role)
		_, made := s.CreateKey(ctx, &keyv1.CreateKeyRequest{Draft: draft("Other")})
		_, got := s.GetKey(ctx, &keyv1.GetKeyRequest{Id: id})
		_, listed := s.ListKeys(ctx, &keyv1.ListKeysRequest{})
		_, deleted := s.DeleteKey(ctx, &keyv1.DeleteKeyRequest{Id: id})
		for _, err := range []error{made, got, listed, deleted} {
			if !fault.Is(err, "FORBIDDEN") {
				t.Errorf("%q: got %v", role, err)
			}
		}
	}
	if _, err := s.ListKeys(t.Context(), &keyv1.ListKeysRequest{}); !fault.Is(err, "UNAUTHENTICATED") {
		t.Errorf("nobody: got %v", err)
	}
}
