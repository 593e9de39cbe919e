package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

// Lengths of what lets somebody in, in random bytes; people see twice as many hexadecimal characters.
const (
	tokenBytes = 40
	loginBytes = 32
	hintLength = 4
)

// loginLife is how long a login lasts.
const loginLife = 12 * time.Hour

// credential is a token or a login as it is kept: enough to say whose it is, nothing that lets somebody in.
type credential struct {
	noun                string // subject.NounToken or subject.NounLogin
	tenant, id, account string
	// expires is when it ends by itself; zero for never.
	expires time.Time
}

// over tells whether a credential's time is over.
func (c credential) over(now time.Time) bool { return !c.expires.IsZero() && !now.Before(c.expires) }

// newSecret makes the value of a token or a cookie. It cannot be guessed, so a plain hash is enough to keep it.
func newSecret(bytes int) string {
	raw := make([]byte, bytes)
	_, _ = rand.Read(raw) // never fails: it ends the process when the system has no randomness
	return hex.EncodeToString(raw)
}

// hashOf is what is kept of a value; false for what newSecret never makes of that many bytes, which need not be
// looked for.
func hashOf(value string, bytes int) ([]byte, bool) {
	raw, err := hex.DecodeString(value)
	if err != nil || len(raw) != bytes || hex.EncodeToString(raw) != value {
		return nil, false
	}
	sum := sha256.Sum256([]byte(value))
	return sum[:], true
}

// unauthenticated is the one answer to everything that lets nobody in: it must not tell why.
func unauthenticated() error { return fault.New(fault.Unauthenticated, "UNAUTHENTICATED") }

func forbidden() error { return fault.New(fault.Forbidden, "FORBIDDEN") }
