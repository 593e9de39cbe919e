package access_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// Everything that leaves the package is gathered: answers, errors and log. Passwords and hashes are in none of it, and
// on the log lies nothing that lets somebody in.
func TestNothingLeavesThatLetsSomebodyIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.replica(t)
	admin := h.tenant(t, s, "shop")
	a := create(admin, t, s, draft("clerk", identity.RoleUser))
	clerk := calling(t, "shop", a)
	var out strings.Builder
	tell := func(answer proto.Message, err error) {
		wire, _ := proto.Marshal(answer)
		fmt.Fprintf(&out, "%v\n%s\n%v\n%+v\n", answer, wire, err, err)
	}
	made, err := s.CreateToken(clerk, &accessv1.CreateTokenRequest{Name: "crm"})
	if err != nil {
		t.Fatal(err)
	}
	cookie := login(t, s, "clerk")

	tell(s.GetAccount(admin, &accessv1.GetAccountRequest{Id: a.GetId()}))
	tell(s.GetAccount(clerk, &accessv1.GetAccountRequest{Login: "clerk"}))
	tell(s.ListAccounts(admin, &accessv1.ListAccountsRequest{}))
	tell(s.CreateAccount(admin, &accessv1.CreateAccountRequest{Draft: draft("next", identity.RoleUser)}))
	tell(s.CreateAccount(admin, &accessv1.CreateAccountRequest{Draft: draft("next", identity.RoleUser)}))
	tell(s.CreateAccount(admin, &accessv1.CreateAccountRequest{Draft: draft("bad", "no role")}))
	tell(s.UpdateAccount(admin, &accessv1.UpdateAccountRequest{Id: a.GetId(), Revision: 9, Password: new(password)}))
	long := strings.Repeat(password, 20)
	tell(s.UpdateAccount(admin, &accessv1.UpdateAccountRequest{Id: a.GetId(), Revision: 1, Password: &long}))
	tell(s.ListTokens(clerk, &accessv1.ListTokensRequest{}))
	tell(s.ResolveCredential(edge(t), byLogin(cookie)))
	tell(s.ResolveCredential(edge(t), byToken(made.GetValue())))
	for range 11 {
		tell(s.StartLogin(edge(t), &accessv1.StartLoginRequest{Login: "clerk", Password: password + "?"}))
	}
	tell(s.StartLogin(edge(t), &accessv1.StartLoginRequest{Login: password, Password: password}))
	started, err := s.StartLogin(edge(t), &accessv1.StartLoginRequest{Login: "next", Password: password})
	started.Value = ""
	tell(started, err)
	tell(s.EndLogin(edge(t), &accessv1.EndLoginRequest{Value: cookie}))
	tell(s.DeleteToken(clerk, &accessv1.DeleteTokenRequest{Id: made.GetToken().GetId()}))
	tell(s.UpdateAccount(admin, &accessv1.UpdateAccountRequest{Id: a.GetId(), Revision: 1, Password: new(password)}))
	tell(s.DeleteAccount(admin, &accessv1.DeleteAccountRequest{Id: a.GetId()}))
	out.WriteString(h.diary.String())

	for what, canary := range map[string]string{
		"a hash": "argon2id", "a password": password, "a token": made.GetValue(), "a cookie": cookie,
	} {
		if at := strings.Index(out.String(), canary); at >= 0 {
			t.Errorf("%s leaves: ...%q...", what, out.String()[max(0, at-200):at+20])
		}
	}
	if !strings.Contains(out.String(), "clerk") {
		t.Error("nothing was gathered")
	}
}
