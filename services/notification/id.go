package notify

import (
	"strconv"
	"strings"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

// place is a place in the history of all calls: a sequence of one incarnation of the stream. As an id of an outcome it
// is the outcome's own place; as "after", "up to" or "as of" it is a place between outcomes.
type place struct {
	incarnation string
	sequence    uint64
}

// String writes a place as <incarnation>-<sequence>.
func (p place) String() string { return p.incarnation + "-" + strconv.FormatUint(p.sequence, 10) }

// parsePlace reads what String writes; ok is false for anything else.
func parsePlace(id string) (p place, ok bool) {
	at := strings.LastIndexByte(id, '-')
	if at < 1 {
		return place{}, false
	}
	p.incarnation = id[:at]
	sequence, err := strconv.ParseUint(id[at+1:], 10, 64)
	p.sequence = sequence
	return p, err == nil && p.String() == id
}

// placeOf reads an id that a request names in a field; FIELD_INVALID when it is none, or of another incarnation than
// the history has now: a client that holds such an id has to fetch everything anew.
func placeOf(field, id, incarnation string) (place, error) {
	p, ok := parsePlace(id)
	switch {
	case !ok:
		return place{}, fault.New(fault.Invalid, "FIELD_INVALID", fault.Field(field))
	case p.incarnation != incarnation:
		return place{}, fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field(field),
			fault.Param("reason", "other_incarnation"))
	}
	return p, nil
}
