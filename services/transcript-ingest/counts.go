package ingest

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
)

// counts are how much of a call there is.
type counts struct {
	Live  uint32 // entries in live
	Parts uint32 // entries in parts
	Last  uint32 // number of the last part
	Late  uint32 // entries in parts that came after the end
	// Newest is the sequence of the newest message in LIVE, the seal included: what the next append expects.
	Newest uint64
	// Heard is when the server stored the newest words or the seal, in milliseconds since 1970.
	Heard     int64
	LiveTally tally
	PartTally tally
	// Furthest is the id of an utterance that no other of the call lies beyond; see beyond.
	Furthest string
}

// beyond tells whether an id lies beyond another: by their lengths, and else by their letters, so that numbers without
// leading zeros grow, and so do ids that begin with a time.
func beyond[T string | []byte](id, other T) bool {
	return len(id) > len(other) || len(id) == len(other) && string(id) > string(other)
}

// further is the id that lies beyond the other.
func further(id, other string) string {
	if beyond(other, id) {
		return other
	}
	return id
}

// tally is what was sent and not stored.
type tally struct {
	Duplicates  uint32
	Conflicting uint32
}

func tallyOf(t *eventv1.Tally) tally { return tally{t.GetDuplicates(), t.GetConflicting()} }

func (t tally) plus(o tally) tally {
	return tally{t.Duplicates + o.Duplicates, t.Conflicting + o.Conflicting}
}

func (t tally) event() *eventv1.Tally {
	if t == (tally{}) {
		return nil
	}
	return &eventv1.Tally{Duplicates: t.Duplicates, Conflicting: t.Conflicting}
}

// duplicates is how many utterances were sent again.
func (c counts) duplicates() uint32 { return c.LiveTally.plus(c.PartTally).Duplicates }

// revision is the number of entries.
func (c counts) revision() uint32 { return c.Live + c.Parts }

// errCounts says that a row is not what encode makes.
var errCounts = errors.New("damaged")

// encode is a row of the view: a word that is appended reads and writes one, and JSON would be most of what that costs.
func (c counts) encode() []byte {
	out := make([]byte, 0, countsSize+len(c.Furthest))
	for _, n := range [...]uint32{c.Live, c.Parts, c.Last, c.Late} {
		out = binary.BigEndian.AppendUint32(out, n)
	}
	out = binary.BigEndian.AppendUint64(out, c.Newest)
	out = binary.BigEndian.AppendUint64(out, uint64(c.Heard))
	for _, t := range [...]tally{c.LiveTally, c.PartTally} {
		out = binary.BigEndian.AppendUint32(out, t.Duplicates)
		out = binary.BigEndian.AppendUint32(out, t.Conflicting)
	}
	return append(out, c.Furthest...)
}

// countsSize is how long a row is, without the id at its end.
const countsSize = 4*4 + 2*8 + 4*4

func decodeCounts(row []byte) (c counts, err error) {
	if len(row) < countsSize {
		return c, errCounts
	}
	at := func(i int) uint32 { return binary.BigEndian.Uint32(row[i:]) }
	return counts{
		Live: at(0), Parts: at(4), Last: at(8), Late: at(12),
		Newest: binary.BigEndian.Uint64(row[16:]), Heard: int64(binary.BigEndian.Uint64(row[24:])),
		LiveTally: tally{at(32), at(36)}, PartTally: tally{at(40), at(44)},
		Furthest: string(row[countsSize:]),
	}, nil
}

func readCounts(tx *view.Tx, r ref) (counts, error) {
	row := tx.Get(countBucket, r.key())
	if row == nil {
		return counts{}, nil
	}
	c, err := decodeCounts(row)
	if err != nil {
		return c, fmt.Errorf("ingest: view: %s: %w", countBucket, err)
	}
	return c, nil
}

// writeCounts leaves no trace of a call without words, or of an erased one, so that it does not matter which stream came first.
func writeCounts(tx *view.Tx, r ref, c counts) error {
	if c == (counts{}) || erased(tx, r) {
		return tx.Delete(countBucket, r.key())
	}
	return tx.Put(countBucket, r.key(), c.encode())
}
