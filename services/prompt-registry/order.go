package prompts

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/services/internal/chars"
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

// Order is the display order of a tenant's prompts: those it names, as it names them. The others follow by age.
type Order struct {
	IDs []string
	// Revision counts the re-orders; 0 until the first.
	Revision uint32
	Made     Made
}

// next is the order that takes this one's place.
func (o Order) next(ids []string) Order { return Order{IDs: ids, Revision: o.Revision + 1} }

// reorder makes a new order of the ids that a person put first; what they left out follows in its old order. An
// unknown or repeated id is FIELD_INVALID, another revision than the order has now is REVISION_STALE.
func reorder(all []Prompt, order Order, ids []string, revision uint32) (Order, error) {
	if revision != order.Revision {
		return Order{}, stale(order.Revision, order.Made)
	}
	known := make(map[string]bool, len(all))
	for _, p := range all {
		known[p.ID] = true
	}
	for i, id := range ids {
		if !known[id] {
			return Order{}, fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field(fmt.Sprintf("ids[%d]", i)),
				fault.Param("reason", "unknown_or_repeated"))
		}
		delete(known, id)
	}
	out := slices.Clone(ids)
	for _, p := range arrange(all, order.IDs) {
		if known[p.ID] {
			out = append(out, p.ID)
		}
	}
	return order.next(out), nil
}

// Where a prompt can be moved to.
const (
	toTop      = "top"
	toBottom   = "bottom"
	toPosition = "position"
)

// target checks where a prompt is to go and makes a place of it, from 1; what lies behind the last place means the last.
func target(to string, position uint32, count int) (int, error) {
	if err := chars.OneOf("to", to, toTop, toBottom, toPosition); err != nil {
		return 0, err
	}
	switch {
	case to == toTop:
		return 1, nil
	case to == toBottom:
		return count, nil
	case position == 0:
		return 0, fault.New(fault.Unprocessable, "FIELD_REQUIRED", fault.Field("position"), fault.Param("min", "1"))
	}
	return int(min(uint64(position), uint64(count))), nil
}

// move puts one prompt to a place, from 1. It returns the place, and the same order when the prompt is there already.
// Another revision than the order has now is REVISION_STALE: a place means something in the list that was looked at.
func move(all []Prompt, order Order, id, to string, position, revision uint32) (Order, int, error) {
	if _, err := find(all, id); err != nil {
		return Order{}, 0, err
	}
	place, err := target(to, position, len(all))
	if err != nil {
		return Order{}, 0, err
	}
	if revision != order.Revision {
		return Order{}, 0, stale(order.Revision, order.Made)
	}
	var ids []string
	for _, p := range arrange(all, order.IDs) {
		ids = append(ids, p.ID)
	}
	from := slices.Index(ids, id)
	if from == place-1 {
		return order, place, nil
	}
	ids = slices.Insert(slices.Delete(ids, from, from+1), place-1, id)
	return order.next(ids), place, nil
}
