package stream

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

// Mark is a place in one incarnation of one stream.
type Mark struct {
	// Stream by its name, and which incarnation of it ([Info]): in another one the sequence means nothing.
	Stream, Incarnation string
	// Sequence of the last message that is included; 0 before the first.
	Sequence uint64
}

// Position is a place on the log: a mark in each of one or more streams, because two streams have no common order.
// To its holders it is an opaque token.
type Position []Mark

// Encode makes a token of a position; the empty position is the empty token.
func (p Position) Encode() string {
	if len(p) == 0 {
		return ""
	}
	marks, size := p, 0
	order := func(a, b Mark) int {
		return cmp.Or(strings.Compare(a.Stream, b.Stream), strings.Compare(a.Incarnation, b.Incarnation))
	}
	if !slices.IsSortedFunc(p, order) {
		marks = slices.SortedFunc(slices.Values(p), order)
	}
	for _, m := range marks {
		size += len(m.Stream) + len(m.Incarnation) + 24 // for the sequence and what stands between
	}
	raw := make([]byte, 0, size) // by hand, since every answer to a write has one
	for i, m := range marks {
		if i > 0 {
			raw = append(raw, ',')
		}
		raw = append(append(append(append(raw, m.Stream...), ':'), m.Incarnation...), ':')
		raw = strconv.AppendUint(raw, m.Sequence, 10)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// maxPositionToken bounds the tokens we read, in bytes; ours are far shorter.
const maxPositionToken = 2048

// ParsePosition reads a token; the empty one is the empty position. The fault is Invalid for what Encode never makes, and
// for tokens beyond 2,048 bytes: they come from outside.
func ParsePosition(token string) (Position, error) {
	if token == "" {
		return nil, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(token) > maxPositionToken {
		return nil, badPosition()
	}
	var p Position
	for part := range strings.SplitSeq(string(raw), ",") {
		fields := strings.Split(part, ":")
		if len(fields) != 3 {
			return nil, badPosition()
		}
		seq, err := strconv.ParseUint(fields[2], 10, 64)
		if err != nil {
			return nil, badPosition()
		}
		p = append(p, Mark{Stream: fields[0], Incarnation: fields[1], Sequence: seq})
	}
	return p, nil
}

func badPosition() error {
	return fault.New(fault.Invalid, "FIELD_INVALID", fault.Field("position"))
}
