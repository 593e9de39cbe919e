package prompts

import (
	"slices"
	"strconv"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/services/internal/chars"
)

// Limits of a tenant and of a prompt, in characters where text is meant.
const (
	MaxPrompts = 1000
	maxName    = 255
	maxText    = 1000
	maxMemo    = 500
	maxKeyID   = 255
)

// How a transcript that is too long for one request is split.
const (
	SplitAuto  = "auto"       // as few equal pieces of whole utterances as fit
	SplitFixed = "fixed_1000" // pieces of 1000 characters
)

// Draft is what people set of a prompt.
type Draft struct {
	Name, KeyKind, KeyID, Text string
	// Advanced says whether MapText is used; it is kept either way.
	Advanced             bool
	MapText, Split, Memo string
}

// Prompt is a prompt at a revision.
type Prompt struct {
	Draft

	ID       string
	Revision uint32
	// Rank orders by age: a new prompt has the highest and goes last.
	Rank uint64
	// Made says when this revision was made and by whom; it is written with the event, not by the rules.
	Made Made
}

// Made is the origin of a revision: when, and whose.
type Made struct {
	At time.Time
	// ByID and By are the account and its name as it was then; empty where a service acted by itself.
	ByID, By string
}

// normal brings a draft into the form that is stored and compared.
func (d Draft) normal() Draft {
	for _, text := range []*string{&d.Name, &d.Text, &d.MapText, &d.Memo} {
		*text = chars.Normal(*text)
	}
	if d.Split == "" {
		d.Split = SplitAuto
	}
	return d
}

// check applies the rules that need only the draft: name 1-255 characters, text 1-1000, map text at most 1000, memo
// at most 500. The fault names the field.
func (d Draft) check() error {
	checks := []error{
		chars.OneLine("name", d.Name, 1, maxName),
		chars.OneOf("keyKind", d.KeyKind, "openai", "azure_openai", "compatible"),
		chars.OneLine("keyId", d.KeyID, 1, maxKeyID),
		chars.Limit("text", d.Text, 1, maxText),
		chars.Limit("mapText", d.MapText, 0, maxText),
		chars.OneOf("split", d.Split, SplitAuto, SplitFixed),
		chars.Limit("memo", d.Memo, 0, maxMemo),
	}
	for _, err := range checks {
		if err != nil {
			return err
		}
	}
	return nil
}

// create adds a prompt to a tenant's: at most 1000 (LIMIT_REACHED), names unique (NAME_TAKEN), the new one last.
func create(all []Prompt, id string, d Draft) (Prompt, error) {
	if len(all) >= MaxPrompts {
		return Prompt{}, fault.New(fault.Unprocessable, "LIMIT_REACHED", fault.Param("limit", strconv.Itoa(MaxPrompts)))
	}
	if err := nameFree(all, "", d.Name); err != nil {
		return Prompt{}, err
	}
	return Prompt{Draft: d, ID: id, Revision: 1, Rank: nextRank(all)}, nil
}

// nextRank puts a new prompt behind all there are.
func nextRank(all []Prompt) uint64 {
	rank := uint64(1)
	for _, other := range all {
		rank = max(rank, other.Rank+1)
	}
	return rank
}

// createAll adds those prompts to a tenant's whose names are free; the others are there already, or somebody's own. When not all of them fit none is added, and LIMIT_REACHED says how many would.
func createAll(all []Prompt, drafts []Draft, newID func() string) (made []Prompt, err error) {
	for _, d := range drafts {
		there := slices.Concat(all, made)
		if nameFree(there, "", d.Name) != nil {
			continue
		}
		made = append(made, Prompt{Draft: d, ID: newID(), Revision: 1, Rank: nextRank(there)})
	}
	if free := MaxPrompts - len(all); len(made) > free {
		return nil, fault.New(fault.Unprocessable, "LIMIT_REACHED", fault.Param("reason", "no_room_for_all"),
			fault.Param("limit", strconv.Itoa(MaxPrompts)), fault.Param("count", strconv.Itoa(len(made))),
			fault.Param("free", strconv.Itoa(free)))
	}
	return made, nil
}

// change replaces a prompt's draft; REVISION_STALE when it is not at the revision that the change is based on.
func change(all []Prompt, id string, revision uint32, edit func(*Draft) error) (Prompt, error) {
	p, err := find(all, id)
	if err != nil {
		return Prompt{}, err
	}
	if revision == 0 {
		return Prompt{}, fault.New(fault.Invalid, "REVISION_REQUIRED", fault.Field("revision"))
	}
	if revision != p.Revision {
		return Prompt{}, stale(p.Revision, p.Made)
	}
	d := p.Draft
	if err := edit(&d); err != nil {
		return Prompt{}, err
	}
	if err := nameFree(all, id, d.Name); err != nil {
		return Prompt{}, err
	}
	return Prompt{Draft: d, ID: id, Revision: p.Revision + 1, Rank: p.Rank}, nil
}

// remove checks that a prompt may go; revision 0 takes it at any.
func remove(all []Prompt, id string, revision uint32) (Prompt, error) {
	p, err := find(all, id)
	if err != nil {
		return Prompt{}, err
	}
	if revision != 0 && revision != p.Revision {
		return Prompt{}, stale(p.Revision, p.Made)
	}
	return p, nil
}

func find(all []Prompt, id string) (Prompt, error) {
	for _, p := range all {
		if p.ID == id {
			return p, nil
		}
	}
	return Prompt{}, unknown(id)
}

func unknown(id string) error {
	return fault.New(fault.NotFound, "NOT_FOUND", fault.Param("prompt", id))
}

func nameFree(all []Prompt, id, name string) error {
	for _, p := range all {
		if p.Name == name && p.ID != id {
			return fault.New(fault.Unprocessable, "NAME_TAKEN", fault.Field("name"), fault.Param("name", name))
		}
	}
	return nil
}

// stale says that somebody else was first, and who: an administrator whose change is refused wants to know whom to ask.
func stale(now uint32, made Made) error {
	options := []fault.Option{fault.Field("revision"), fault.Param("revision", strconv.FormatUint(uint64(now), 10))}
	if made.By != "" {
		options = append(options, fault.Param("by", made.By))
	}
	return fault.New(fault.Conflict, "REVISION_STALE", options...)
}
