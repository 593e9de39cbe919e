package prompts

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

// arrange sorts prompts as they are shown: those that the order names first, as it names them, then the others by
// age. Ids in the order that no longer exist count for nothing.
func arrange(all []Prompt, order []string) []Prompt {
	place := make(map[string]int, len(order))
	for i, id := range order {
		place[id] = i
	}
	out := slices.Clone(all)
	slices.SortFunc(out, func(a, b Prompt) int {
		i, named := place[a.ID]
		j, alsoNamed := place[b.ID]
		switch {
		case named && alsoNamed:
			return cmp.Compare(i, j)
		case named:
			return -1
		case alsoNamed:
			return 1
		default:
			return cmp.Compare(a.Rank, b.Rank)
		}
	})
	return out
}

// reorder makes a new order of the ids that a person put first; what they left out follows in its old order. An
// unknown or repeated id is FIELD_INVALID, another revision than the order has now is REVISION_STALE.
func reorder(all []Prompt, order []string, has uint32, ids []string, revision uint32) ([]string, error) {
	if revision != has {
		return nil, stale(has)
	}
	known := make(map[string]bool, len(all))
	for _, p := range all {
		known[p.ID] = true
	}
	for i, id := range ids {
		if !known[id] {
			return nil, fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field(fmt.Sprintf("ids[%d]", i)),
				fault.Param("reason", "unknown_or_repeated"))
		}
		delete(known, id)
	}
	out := slices.Clone(ids)
	for _, p := range arrange(all, order) {
		if known[p.ID] {
			out = append(out, p.ID)
		}
	}
	return out, nil
}
