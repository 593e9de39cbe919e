package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"github.com/kikigaki/kikigaki/services/internal/chars"
)

// cost is what one guess takes: 19 MiB and two passes, the least that OWASP recommends for argon2id.
type cost struct {
	memory  uint32 // KiB
	passes  uint32
	threads uint8
}

func usualCost() cost { return cost{memory: 19 * 1024, passes: 2, threads: 1} }

const (
	saltBytes = 16
	keyBytes  = 32
	// hashSlots bounds how many passwords are hashed at once, and with it the memory: 4 x 19 MiB.
	hashSlots = 4
	// Bounds on what a stored hash may ask for, so that a damaged one cannot take the machine's memory or minutes.
	maxMemory = 256 * 1024 // KiB
	maxPasses = 16
)

// errHash says that a stored hash is not one that this package writes.
var errHash = errors.New("access: not an argon2id hash")

// hasher turns passwords into argon2id hashes in PHC form, a few at a time.
type hasher struct {
	cost  cost
	slots chan struct{}
	// nobody is a hash of the same cost that no password has. It is checked where there is no account, so that the
	// time an answer takes does not tell which login names exist.
	nobody string
}

func newHasher(c cost) *hasher {
	salt, key := make([]byte, saltBytes), make([]byte, keyBytes)
	_, _ = rand.Read(salt) // never fails
	_, _ = rand.Read(key)
	return &hasher{cost: c, slots: make(chan struct{}, hashSlots), nobody: phc(c, salt, key)}
}

// hash makes the hash of a password; its error is the context's.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails
	key, err := h.derive(ctx, h.cost, salt, keyBytes, password)
	if err != nil {
		return "", err
	}
	return phc(h.cost, salt, key), nil
}

// verify tells whether a password has a hash, in a time that does not depend on how much of it fits.
func (h *hasher) verify(ctx context.Context, hash, password string) (bool, error) {
	c, salt, want, err := parsePHC(hash)
	if err != nil {
		return false, err
	}
	key, err := h.derive(ctx, c, salt, uint32(len(want)), password)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(key, want) == 1, nil
}

// derive waits for a free slot and does the work. The same password typed on another system may arrive in another
// Unicode form, so its normal form is hashed.
func (h *hasher) derive(ctx context.Context, c cost, salt []byte, length uint32, password string) ([]byte, error) {
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-h.slots }()
	return argon2.IDKey([]byte(chars.Normal(password)), salt, c.passes, c.memory, c.threads, length), nil
}

// phc writes a hash with everything that is needed to check it, as the PHC string format has it.
func phc(c cost, salt, key []byte) string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, c.memory, c.passes, c.threads, b64(salt), b64(key))
}

func parsePHC(s string) (c cost, salt, key []byte, err error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return c, nil, nil, errHash
	}
	n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memory, &c.passes, &c.threads)
	if err != nil || n != 3 || c.memory > maxMemory || c.passes == 0 || c.passes > maxPasses || c.threads == 0 {
		return c, nil, nil, errHash
	}
	salt, saltErr := base64.RawStdEncoding.Strict().DecodeString(parts[4])
	key, keyErr := base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if saltErr != nil || keyErr != nil || len(salt) < saltBytes || len(key) != keyBytes {
		return c, nil, nil, errHash
	}
	return c, salt, key, nil
}
