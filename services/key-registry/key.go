package keys

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/kikigaki/kikigaki/pkg/fault"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/services/internal/chars"
)

// Kinds of keys.
const (
	KindOpenAI     = "openai"
	KindAzure      = "azure_openai"
	KindCompatible = "compatible"
)

// Limits of a key's fields, in characters where text is meant.
const (
	maxName   = 255
	maxSecret = 200
	maxField  = 255
	maxMemo   = 500
	maxOutput = 1_000_000
	hintSize  = 4
	// leastHinted is the shortest secret of which the end is shown: of a shorter one it would be too much.
	leastHinted = 12
)

// Draft is what people set of a key.
type Draft struct {
	Kind, Name, Secret        string
	OrganizationID, ProjectID string
	BaseURL, Model            string
	MaxOutputTokens           int32
	Memo                      string
}

// normal brings a draft into the form that is stored. White space around a pasted secret belongs to the pasting.
func (d Draft) normal(defaultBaseURL string) (Draft, error) {
	for _, text := range []*string{&d.Secret, &d.OrganizationID, &d.ProjectID, &d.Model, &d.BaseURL} {
		*text = strings.TrimSpace(*text)
	}
	d.Name, d.Memo = chars.Normal(d.Name), chars.Normal(d.Memo)
	if d.BaseURL == "" {
		d.BaseURL = defaultBaseURL
	}
	var err error
	d.BaseURL, err = normalURL(d.BaseURL)
	return d, err
}

// check applies the rules that need only the draft: name 1-255 characters, secret 1-200, organisation and project at
// most 255, model 1-255, memo at most 500, output 0 to 1,000,000 tokens. The fault names the field, never the secret.
func (d Draft) check() error {
	checks := []error{
		chars.OneOf("kind", d.Kind, KindOpenAI, KindAzure, KindCompatible),
		chars.OneLine("name", d.Name, 1, maxName),
		chars.OneLine("secret", d.Secret, 1, maxSecret),
		chars.OneLine("organizationId", d.OrganizationID, 0, maxField),
		chars.OneLine("projectId", d.ProjectID, 0, maxField),
		chars.OneLine("model", d.Model, 1, maxField),
		chars.Limit("memo", d.Memo, 0, maxMemo),
		printable("secret", d.Secret), printable("organizationId", d.OrganizationID), printable("projectId", d.ProjectID),
	}
	if d.MaxOutputTokens < 0 || d.MaxOutputTokens > maxOutput {
		checks = append(checks, fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field("maxOutputTokens"),
			fault.Param("allowed", fmt.Sprintf("0-%d", maxOutput))))
	}
	for _, err := range checks {
		if err != nil {
			return err
		}
	}
	return nil
}

// printable refuses what cannot travel in an HTTP header: anything but visible ASCII.
func printable(field, value string) error {
	for _, r := range value {
		if r <= ' ' || r > '~' {
			return fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field(field),
				fault.Param("reason", "not_ascii"))
		}
	}
	return nil
}

// hint is the end of a secret, by which people tell their keys apart.
func hint(secret string) string {
	if utf8.RuneCountInString(secret) < leastHinted {
		return ""
	}
	return secret[len(secret)-hintSize:]
}

// nameFree checks that no other key of the kind has the name.
func nameFree(all []*eventv1.KeySaved, d Draft) error {
	for _, k := range all {
		if k.GetKind() == d.Kind && k.GetName() == d.Name {
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
		return fault.New(fault.Conflict, "REVISION_STALE", fault.Field("revision"),
			fault.Param("revision", fmt.Sprint(k.GetRevision())))
	}
	if len(users) > 0 {
		return fault.New(fault.Conflict, "KEY_IN_USE", fault.Param("prompts", strings.Join(users, ", ")))
	}
	return nil
}
