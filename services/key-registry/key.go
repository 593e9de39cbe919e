package keys

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/kikigaki/kikigaki/pkg/fault"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
)

// Kinds of keys.
const (
	KindOpenAI     = "openai"
	KindAzure      = "azure_openai"
	KindCompatible = "compatible"
)

const (
	hintSize = 4
	// leastHinted is the shortest secret of which the end is shown: of a shorter one it would be too much.
	leastHinted = 12
)

// hint is the end of a secret, by which people tell their keys apart.
func hint(secret string) string {
	if utf8.RuneCountInString(secret) < leastHinted {
		return ""
	}
	return secret[len(secret)-hintSize:]
}

// nameFree checks that no other key of the kind has the name; id is the key's own, "" for a new one.
func nameFree(all []*eventv1.KeySaved, id string, d Draft) error {
	for _, k := range all {
		if k.GetKind() == d.Kind && k.GetName() == d.Name && k.GetId() != id {
			return fault.New(fault.Unprocessable, "NAME_TAKEN", fault.Field("name"), fault.Param("name", d.Name))
		}
	}
	return nil
}

func find(all []*eventv1.KeySaved, id string) (*eventv1.KeySaved, error) {
	for _, k := range all {
		if k.GetId() == id {
			return k, nil
		}
	}
	return nil, notFound(id)
}

func notFound(id string) error { return fault.New(fault.NotFound, "NOT_FOUND", fault.Param("key", id)) }

// removable checks that a key may go: revision 0 takes it at any, and no prompt may use it (KEY_IN_USE names them).
func removable(k *eventv1.KeySaved, revision uint32, users []string) error {
	if revision != 0 && revision != k.GetRevision() {
		return stale(k)
	}
	if len(users) > 0 {
		return fault.New(fault.Conflict, "KEY_IN_USE", fault.Param("prompts", strings.Join(users, ", ")))
	}
	return nil
}

func stale(k *eventv1.KeySaved) error {
	return fault.New(fault.Conflict, "REVISION_STALE", fault.Field("revision"),
		fault.Param("revision", fmt.Sprint(k.GetRevision())))
}
