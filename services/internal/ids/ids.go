// Package ids makes the ids of what we create: unguessable, sortable by nothing, one token of a subject as they are.
package ids

import (
	"crypto/rand"
	"strings"
)

// New makes an id of a prefix, which tells people what it is of, and 80 random bits.
func New(prefix string) string {
	return prefix + "-" + strings.ToLower(rand.Text()[:16])
}
