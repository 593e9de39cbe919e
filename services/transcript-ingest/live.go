package ingest

import (
	"encoding/binary"

	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
)

// The words of one event of LIVE are one row of the view, as they were written: a row for each of them was most of what a
// word cost. place says where an entry is.
type place struct {
	sequence uint64 // of the event
	index    uint32 // within it
}

const placeSize = 12

func (p place) append(to []byte) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(to, p.sequence), p.index)
}

func decodePlace(row []byte) (place, bool) {
	if len(row) != placeSize {
		return place{}, false
	}
	return place{binary.BigEndian.Uint64(row), binary.BigEndian.Uint32(row[8:])}, true
}

// appendLive adds an entry to a row.
func appendLive(row []byte, index int, raw []byte) []byte {
	return appendBytes(binary.AppendUvarint(row, uint64(index)), raw)
}

// liveRow yields the entries of a row, in their order, until yield says that it was enough.
func liveRow(row []byte, yield func(index uint32, raw []byte) bool) error {
	in := rowReader{row: row}
	for len(in.row) > 0 {
		index, raw := in.uvarint(), in.bytes()
		if in.err != nil {
			return in.err
		}
		if !yield(uint32(index), raw) {
			return nil
		}
	}
	return nil
}

// liveEntry is an entry by its place, as it was written; nil when it is not there.
func liveEntry(tx *view.Tx, r ref, at place) (out []byte) {
	_ = liveRow(tx.Get(liveBucket, r.liveKey(at.sequence)), func(index uint32, raw []byte) bool {
		if index == at.index {
			out = raw
		}
		return out == nil
	})
	return out
}

// eachLive yields the entries of a call that are in no part yet, as they were written and in their order, until yield says
// that it was enough.
func eachLive(tx *view.Tx, r ref, yield func(raw []byte) bool) error {
	for _, row := range tx.Scan(liveBucket, r.prefix(), nil) {
		more := true
		if err := liveRow(row, func(_ uint32, raw []byte) bool { more = yield(raw); return more }); err != nil || !more {
			return err
		}
	}
	return nil
}

// removeLive takes entries out of a call's live words. It tells how many were there.
func removeLive(tx *view.Tx, r ref, entries []*eventv1.Entry) (removed uint32, err error) {
	rows := map[uint64]map[uint32]bool{}
	for _, e := range entries {
		id := r.idKey(e)
		at, live := decodePlace(tx.Get(liveIDBucket, id))
		if !live {
			continue
		}
		if err := tx.Delete(liveIDBucket, id); err != nil {
			return removed, err
		}
		if rows[at.sequence] == nil {
			rows[at.sequence] = map[uint32]bool{}
		}
		rows[at.sequence][at.index] = true
		removed++
	}
	for sequence, gone := range rows {
		if err := cutLive(tx, r.liveKey(sequence), gone); err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// cutLive takes entries out of a row, and the row out of the view when nothing is left of it.
func cutLive(tx *view.Tx, key []byte, gone map[uint32]bool) error {
	var left []byte
	err := liveRow(tx.Get(liveBucket, key), func(index uint32, raw []byte) bool {
		if !gone[index] {
			left = appendLive(left, int(index), raw)
		}
		return true
	})
	switch {
	case err != nil:
		return err
	case left == nil:
		return tx.Delete(liveBucket, key)
	default:
		return tx.Put(liveBucket, key, left)
	}
}
