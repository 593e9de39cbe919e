package access

import (
	"strconv"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/services/internal/chars"
)

// MaxTokens is how many API tokens an account may have. Two that are made at the same moment on two replicas may
// both be the last one: a token is its own guard.
const MaxTokens = 100

// maxTokenName is in characters.
const maxTokenName = 255

// Token is an API token as it is kept.
type Token struct {
	ID, Account, Name, Hint string
	CreatedAt               time.Time

	hash []byte
}

// createToken adds a token to the count that its account has; LIMIT_REACHED at 100.
func createToken(has int, id, account, name, value string, now time.Time) (Token, error) {
	if has >= MaxTokens {
		return Token{}, fault.New(fault.Unprocessable, "LIMIT_REACHED", fault.Param("limit", strconv.Itoa(MaxTokens)))
	}
	hash, ok := hashOf(value, tokenBytes)
	if !ok {
		return Token{}, fault.New(fault.Internal, "INTERNAL")
	}
	return Token{
		ID: id, Account: account, Name: name, Hint: value[len(value)-hintLength:], CreatedAt: now, hash: hash,
	}, nil
}

// checkTokenName wants one line of 1 to 255 characters.
func checkTokenName(name string) error { return chars.OneLine("name", name, 1, maxTokenName) }
