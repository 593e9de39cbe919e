package access_test

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	access "github.com/kikigaki/kikigaki/services/access"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// equal waits until two replicas have the same position and checks that they have the same sums.
func equal(t *testing.T, a, b *access.Service) {
	t.Helper()
	eventually(t, "equal positions", func() bool {
		return a.Follower().Position().Encode() == b.Follower().Position().Encode()
	})
	sumsA, errA := a.Follower().View().Sums()
	sumsB, errB := b.Follower().View().Sums()
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	// A bucket that is empty again has the sum of nothing, one that never held anything has none.
	for _, sums := range []map[string]view.Sum{sumsA, sumsB} {
		maps.DeleteFunc(sums, func(_ string, s view.Sum) bool { return s == view.Sum{} })
	}
	if !maps.Equal(sumsA, sumsB) {
		t.Errorf("replicas differ:\n%v\n%v", sumsA, sumsB)
	}
}

func TestADeletedViewComesBackEqual(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	kept, views := h.replica(t), t.TempDir()
	lost := h.replicaOver(t, views)
	admin := h.tenant(t, kept, "shop")
	h.tenant(t, lost, "bank")
	a := create(admin, t, kept, draft("first", identity.RoleUser))
	create(admin, t, lost, draft("other", identity.RoleUser))
	// A name goes from one account to another; the log keeps only where it went.
	rename := &accessv1.UpdateAccountRequest{Id: a.GetId(), Revision: 1, Login: new("renamed")}
	if _, err := kept.UpdateAccount(admin, rename); err != nil {
		t.Fatal(err)
	}
	create(admin, t, lost, draft("first", identity.RoleUser))
	token, err := kept.CreateToken(admin, &accessv1.CreateTokenRequest{Name: "crm"})
	if err != nil {
		t.Fatal(err)
	}
	value, ended := login(t, kept, "root@shop"), login(t, kept, "root@shop")
	if _, err := kept.EndLogin(edge(t), &accessv1.EndLoginRequest{Value: ended}); err != nil {
		t.Fatal(err)
	}
	equal(t, kept, lost)

	if err := lost.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(views, access.Name+".db")); err != nil {
		t.Fatal(err)
	}
	back := h.replicaOver(t, views)
	equal(t, kept, back)
	want, _ := kept.ListAccounts(admin, &accessv1.ListAccountsRequest{})
	got, err := back.ListAccounts(admin, &accessv1.ListAccountsRequest{})
	if err != nil || !proto.Equal(got, want) || len(got.GetAccounts()) != 4 {
		t.Errorf("lists %v, %v; want %v", got, err, want)
	}
	for _, req := range []*accessv1.ResolveCredentialRequest{byToken(token.GetValue()), byLogin(value)} {
		if _, err := back.ResolveCredential(edge(t), req); err != nil {
			t.Errorf("resolve: %v", err)
		}
	}
	_, err = back.ResolveCredential(edge(t), byLogin(ended))
	wants(t, "a login that was ended", err, "UNAUTHENTICATED")
}

// last is the newest event at a subject.
func (h *house) last(t *testing.T, at string) *eventv1.AccessEvent {
	t.Helper()
	m, ok, err := h.log.Last(t.Context(), stream.NewGuard(subject.Access, at))
	if err != nil || !ok {
		t.Fatalf("nothing at %s: %v", at, err)
	}
	var event eventv1.AccessEvent
	if err := proto.Unmarshal(m.Data, &event); err != nil {
		t.Fatal(err)
	}
	return &event
}

func TestTheSweepEndsWhatIsLeftOver(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.replica(t)
	admin := h.tenant(t, s, "shop")
	who, _ := identity.From(admin)
	expired, _ := h.started(t, "shop", who.AccountID, time.Now().Add(-time.Second))
	good, err := s.CreateToken(admin, &accessv1.CreateTokenRequest{Name: "good"})
	if err != nil {
		t.Fatal(err)
	}
	gone := create(admin, t, s, draft("gone", identity.RoleUser))
	if _, err := s.DeleteAccount(admin, &accessv1.DeleteAccountRequest{Id: gone.GetId()}); err != nil {
		t.Fatal(err)
	}
	token := func(id, account string) string {
		at := subject.APIToken("shop", id)
		saved := &eventv1.TokenSaved{Id: id, AccountId: account, Hash: []byte(id)}
		h.append(t, at, &eventv1.AccessEvent{Kind: &eventv1.AccessEvent_TokenSaved{TokenSaved: saved}})
		return at
	}
	orphan := token("token-orphan", gone.GetId())
	// The view has no such account, but neither has the log its tombstone: nobody may conclude that it was deleted.
	early := token("token-early", "account-that-is-still-to-come")

	other := h.replica(t) // sweeps when it has caught up
	eventually(t, "the login and the token are ended", func() bool {
		return h.last(t, expired).GetLoginEnded() != nil && h.last(t, orphan).GetTokenDeleted() != nil
	})
	if h.last(t, early).GetTokenSaved() == nil {
		t.Error("a token was ended whose account may be on its way")
	}
	if _, err := other.ResolveCredential(edge(t), byToken(good.GetValue())); err != nil {
		t.Errorf("a good token: %v", err)
	}
	equal(t, s, other)
	equal(t, other, h.replica(t))
}

// While a view is made anew it may have a token and not yet the account it is of.
func TestOnlyATombstoneSaysThatAnAccountIsGone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.replica(t)
	admin := h.tenant(t, s, "shop")
	a := create(admin, t, s, draft("clerk", identity.RoleUser))
	says := func(account string, want bool) {
		t.Helper()
		if gone, err := access.AccountGone(t.Context(), s, "shop", account); gone != want || err != nil {
			t.Errorf("gone: %v, %v; want %v", gone, err, want)
		}
	}
	says(a.GetId(), false)
	says("account-none", false)
	if _, err := s.DeleteAccount(admin, &accessv1.DeleteAccountRequest{Id: a.GetId()}); err != nil {
		t.Fatal(err)
	}
	says(a.GetId(), true)
}

// A view that was away sees a name taken by its new owner before it sees the old one give it up, because the log keeps
// only the newest event of an account.
func TestANameThatGoesOverStaysWithItsNewOwner(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s, views := h.replica(t), t.TempDir()
	admin := h.tenant(t, s, "shop")
	old := create(admin, t, s, draft("desk", identity.RoleUser))
	away := h.replicaOver(t, views)
	equal(t, s, away)
	if err := away.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	update := func(revision uint32, login string) {
		t.Helper()
		req := &accessv1.UpdateAccountRequest{Id: old.GetId(), Revision: revision, Login: &login}
		if _, err := s.UpdateAccount(admin, req); err != nil {
			t.Fatal(err)
		}
	}
	update(1, "desk-1")
	heir := create(admin, t, s, draft("desk", identity.RoleUser))
	update(2, "desk-2")

	back := h.replicaOver(t, views)
	equal(t, s, back)
	got, err := back.GetAccount(admin, &accessv1.GetAccountRequest{Login: "desk"})
	if err != nil || got.GetAccount().GetId() != heir.GetId() {
		t.Errorf("the name is %v's, %v", got, err)
	}
}

func TestDeletingAnAccountEndsWhatItHad(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.replica(t)
	admin := h.tenant(t, s, "shop")
	a := create(admin, t, s, draft("clerk", identity.RoleUser))
	made, err := s.CreateToken(calling(t, "shop", a), &accessv1.CreateTokenRequest{Name: "crm"})
	if err != nil {
		t.Fatal(err)
	}
	resolved, err := s.ResolveCredential(edge(t), byLogin(login(t, s, "clerk")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.DeleteAccount(admin, &accessv1.DeleteAccountRequest{Id: a.GetId()}); err != nil {
		t.Fatal(err)
	}
	if h.last(t, subject.APIToken("shop", made.GetToken().GetId())).GetTokenDeleted() == nil {
		t.Error("the token's hash is still on the log")
	}
	if h.last(t, subject.Login("shop", resolved.GetCredentialId())).GetLoginEnded() == nil {
		t.Error("the login's hash is still on the log")
	}
}
