package identity

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

const (
	// Lifetime is how long a statement is good for.
	Lifetime = 60 * time.Second
	// skew is how far the clocks of two processes may differ.
	skew = 5 * time.Second
	// Access is the one service that may speak for accounts.
	Access = "access"
)

// claims are what a statement says, and who says it until when.
type claims struct {
	Caller

	Issuer  string    `json:"issuer"`
	Issued  time.Time `json:"issued"`
	Expires time.Time `json:"expires"`
}

// Signer signs statements in the name of one service.
type Signer struct {
	issuer string
	secret hidden
}

// NewSigner makes a signer for a service that has a secret.
func NewSigner(secrets Secrets, service string) (*Signer, error) {
	secret := secrets.byName[service]
	if secret == nil {
		return nil, fmt.Errorf("identity: there is no secret for %s", service)
	}
	return &Signer{issuer: service, secret: secret}, nil
}

// Sign makes a statement about an account; only access's are believed.
func (s *Signer) Sign(c Caller, now time.Time) (string, error) { return s.sign(c, now) }

// SignSelf makes a statement that the signer's own service acts for a tenant.
func (s *Signer) SignSelf(tenant string, now time.Time) (string, error) {
	return s.sign(Caller{Tenant: tenant, Service: s.issuer}, now)
}

func (s *Signer) sign(c Caller, now time.Time) (string, error) {
	body, err := json.Marshal(claims{Caller: c, Issuer: s.issuer, Issued: now.UTC(), Expires: now.Add(Lifetime).UTC()})
	if err != nil {
		return "", fmt.Errorf("identity: %w", err)
	}
	text := base64.RawURLEncoding.EncodeToString(body)
	return text + "." + signature(s.secret, text), nil
}

func signature(secret hidden, text string) string {
	mac := hmac.New(sha256.New, []byte(secret()))
	mac.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Verifier checks statements against the secrets it knows.
type Verifier struct{ secrets Secrets }

// NewVerifier makes a verifier.
func NewVerifier(secrets Secrets) *Verifier { return &Verifier{secrets: secrets} }

// Verify returns who a statement is about. UNAUTHENTICATED when it is unsigned, altered, by somebody unknown, expired
// or from the future, and when its issuer may not say such a thing: access speaks for accounts, every other service
// for itself alone.
func (v *Verifier) Verify(statement string, now time.Time) (Caller, error) {
	c, err := v.verify(statement, now)
	if err != nil {
		return Caller{}, fault.New(fault.Unauthenticated, "UNAUTHENTICATED", fault.Wrapping(err))
	}
	return c, nil
}

func (v *Verifier) verify(statement string, now time.Time) (Caller, error) {
	text, sum, found := strings.Cut(statement, ".")
	if !found {
		return Caller{}, errors.New("identity: not signed")
	}
	body, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return Caller{}, fmt.Errorf("identity: %w", err)
	}
	var c claims
	if err := json.Unmarshal(body, &c); err != nil {
		return Caller{}, fmt.Errorf("identity: %w", err)
	}
	secret := v.secrets.byName[c.Issuer]
	switch {
	case secret == nil || !hmac.Equal([]byte(sum), []byte(signature(secret, text))):
		return Caller{}, errors.New("identity: signature does not match")
	case now.After(c.Expires) || c.Expires.Sub(c.Issued) > Lifetime:
		return Caller{}, errors.New("identity: expired")
	case c.Issued.After(now.Add(skew)):
		return Caller{}, errors.New("identity: from the future")
	case !c.mayBeSaid():
		return Caller{}, fmt.Errorf("identity: %s may not say who that is", c.Issuer)
	}
	return c.Caller, nil
}

// mayBeSaid tells whether the issuer may say this: a service that it acts by itself for a tenant and nothing else, for
// with an account's fields in it events would name a person who did nothing; access that somebody is an account of a
// tenant.
func (c claims) mayBeSaid() bool {
	if c.Service != "" {
		return c.Service == c.Issuer && c.Caller == Caller{Tenant: c.Tenant, Service: c.Service}
	}
	return c.Issuer == Access && c.Tenant != "" && c.AccountID != ""
}
