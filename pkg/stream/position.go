package stream

import (
	"encoding/base64"
	"fmt"
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
	parts := make([]string, 0, len(p))
	for _, m := range p {
		parts = append(parts, fmt.Sprintf("%s:%s:%d", m.Stream, m.Incarnation, m.Sequence))
	}
	slices.Sort(parts)
	return base64.RawURLEncoding.EncodeToString([]byte(strings.Join(parts, ",")))
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
