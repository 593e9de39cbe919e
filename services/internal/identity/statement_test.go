package identity

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

// office is an installation's secrets and two of its services.
type office struct {
	secrets      Secrets
	access, keys *Signer
	verifier     *Verifier
}

func newOffice(t *testing.T) office {
	t.Helper()
	o := office{secrets: GenerateSecrets(Access, "key-registry")}
	o.verifier = NewVerifier(o.secrets)
	var err error
	if o.access, err = NewSigner(o.secrets, Access); err != nil {
		t.Fatal(err)
	}
	if o.keys, err = NewSigner(o.secrets, "key-registry"); err != nil {
		t.Fatal(err)
	}
	return o
}

func anna() Caller {
	return Caller{
		Tenant: "north", AccountID: "a1", Login: "anna", Name: "\u5927\u5ddd", Role: RoleSupervisor,
		CallPermission: PermissionView, Locale: "ja",
	}
}

func must(t *testing.T) func(string, error) string {
	t.Helper()
	return func(s string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

func TestAStatementSaysWhoIsCalling(t *testing.T) {
	t.Parallel()
	o, now := newOffice(t), time.Now()
	got, err := o.verifier.Verify(must(t)(o.access.Sign(anna(), now)), now.Add(Lifetime))
	if err != nil || got != anna() {
		t.Fatalf("got %+v, %v", got, err)
	}
	got, err = o.verifier.Verify(must(t)(o.keys.SignSelf("north", now)), now.Add(-skew))
	if err != nil || got != (Caller{Tenant: "north", Service: "key-registry"}) {
		t.Fatalf("got %+v, %v", got, err)
	}
	if _, err = o.verifier.Verify(must(t)(o.keys.SignSelf("", now)), now); err != nil {
		t.Fatalf("a service without a tenant was refused: %v", err)
	}
}

// TestNobodyIsBelieved is the fence: what comes through here may do everything.
func TestNobodyIsBelieved(t *testing.T) {
	t.Parallel()
	o, now := newOffice(t), time.Now()
	stranger, err := NewSigner(GenerateSecrets(Access), Access)
	if err != nil {
		t.Fatal(err)
	}
	unheardOf, err := NewSigner(GenerateSecrets("intruder"), "intruder")
	if err != nil {
		t.Fatal(err)
	}
	good := must(t)(o.access.Sign(anna(), now))
	text, sum, _ := strings.Cut(good, ".")
	admin := anna()
	admin.Role = RoleSystemAdmin
	adminText, _, _ := strings.Cut(must(t)(stranger.Sign(admin, now)), ".")
	claiming := func(c Caller) Caller { c.Service = "key-registry"; return c }
	for name, statement := range map[string]string{
		"empty":                            "",
		"unsigned":                         text,
		"an empty signature":               text + ".",
		"another signature":                text + "." + strings.Repeat("A", len(sum)),
		"altered, old signature":           adminText + "." + sum,
		"signature repeated":               good + "." + sum,
		"another installation's access":    must(t)(stranger.Sign(anna(), now)),
		"an issuer that nobody knows":      must(t)(unheardOf.SignSelf("north", now)),
		"no issuer":                        unissued(t, anna(), now),
		"expired":                          must(t)(o.access.Sign(anna(), now.Add(-Lifetime-time.Second))),
		"from the future":                  must(t)(o.access.Sign(anna(), now.Add(skew+time.Second))),
		"longer than a statement lasts":    lasting(t, o.access, anna(), now, Lifetime+time.Second),
		"a service about an account":       must(t)(o.keys.Sign(anna(), now)),
		"a service about another":          must(t)(o.keys.Sign(Caller{Tenant: "north", Service: "console"}, now)),
		"a service with an account":        must(t)(o.keys.Sign(claiming(anna()), now)),
		"a service with a role":            must(t)(o.keys.Sign(claiming(Caller{Role: RoleSystemAdmin}), now)),
		"access about no account":          must(t)(o.access.Sign(Caller{Tenant: "north", Role: RoleSystemAdmin}, now)),
		"access about no tenant":           must(t)(o.access.Sign(Caller{AccountID: "a1"}, now)),
		"access in another service's name": must(t)(o.access.Sign(Caller{Service: "key-registry"}, now)),
		"signed by the wrong secret":       signedBy(t, o.keys.secret, anna(), now),
		"signed, but no JSON":              "bm9wZQ." + signature(o.access.secret, "bm9wZQ"),
		"signed, but no base64":            "###." + signature(o.access.secret, "###"),
	} {
		got, err := o.verifier.Verify(statement, now)
		if fault.KindOf(err) != fault.Unauthenticated || got != (Caller{}) {
			t.Errorf("%s: believed to be %+v (%v)", name, got, err)
		}
	}
}

// craft signs what a Signer would not say.
func craft(t *testing.T, secret hidden, c claims) string {
	t.Helper()
	body, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	text := base64.RawURLEncoding.EncodeToString(body)
	return text + "." + signature(secret, text)
}

func lasting(t *testing.T, s *Signer, c Caller, now time.Time, d time.Duration) string {
	t.Helper()
	return craft(t, s.secret, claims{Caller: c, Issuer: s.issuer, Issued: now, Expires: now.Add(d)})
}

func signedBy(t *testing.T, secret hidden, c Caller, now time.Time) string {
	t.Helper()
	return craft(t, secret, claims{Caller: c, Issuer: Access, Issued: now, Expires: now.Add(Lifetime)})
}

func unissued(t *testing.T, c Caller, now time.Time) string {
	t.Helper()
	return craft(t, hide(""), claims{Caller: c, Issued: now, Expires: now.Add(Lifetime)})
}

func TestAnyFlippedBitIsNoticed(t *testing.T) {
	t.Parallel()
	o, now := newOffice(t), time.Now()
	good := must(t)(o.access.Sign(anna(), now))
	for i := range len(good) {
		bad := []byte(good)
		bad[i] ^= 1
		if got, err := o.verifier.Verify(string(bad), now); err == nil {
			t.Fatalf("byte %d changed, and it was %+v", i, got)
		}
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	holder := struct {
		secrets  Secrets
		signer   Signer
		verifier Verifier
		Public   Secrets
	}{o.secrets, *o.keys, *o.verifier, o.secrets}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for _, v := range []any{holder, &holder, o.secrets, o.keys, o.verifier} {
			out := fmt.Sprintf(verb, v)
			if s := o.keys.secret(); strings.Contains(out, s) || strings.Contains(out, fmt.Sprintf("%x", s)) {
				t.Errorf("%s of %T shows a secret", verb, v)
			}
		}
	}
}
