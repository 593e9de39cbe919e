package ingest

import (
	"bytes"
	"encoding/binary"

	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
)

// The words of one event of LIVE are one row of the view, as they were written: a row for each of them was most of what a
// word cost. place says where an entry is whose id is listed.
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

// appendLive adds an entry to a row: where it was in its event, and whether its id is listed.
func appendLive(row []byte, index int, listed bool, raw []byte) []byte {
	mark := uint64(index) << 1
	if listed {
		mark |= 1
	}
	return appendBytes(binary.AppendUvarint(row, mark), raw)
}

// liveWord is an entry in a row, as it was written.
type liveWord struct {
	index  uint32
	listed bool // its id is in liveIDBucket; else it is one of those that grow
	raw    []byte
}

// liveRow yields the entries of a row, in their order, until yield says that it was enough.
func liveRow(row []byte, yield func(liveWord) bool) error {
	in := rowReader{row: row}
	for len(in.row) > 0 {
		mark, raw := in.uvarint(), in.bytes()
		if in.err != nil {
			return in.err
		}
		if !yield(liveWord{uint32(mark >> 1), mark&1 == 1, raw}) {
			return nil
		}
	}
	return nil
}

// liveEntry is an entry by its place, as it was written; nil when it is not there.
func liveEntry(tx *view.Tx, r ref, at place) (out []byte) {
	_ = liveRow(tx.Get(liveBucket, r.liveKey(at.sequence)), func(w liveWord) bool {
		if w.index == at.index {
			out = w.raw
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
		if err := liveRow(row, func(w liveWord) bool { more = yield(w.raw); return more }); err != nil || !more {
			return err
		}
	}
	return nil
}

// removeLive takes entries out of a call's live words. It tells how many were there. What goes into a part are the oldest
// live words, so that they are found at once.
func removeLive(tx *view.Tx, r ref, entries []*eventv1.Entry) (removed uint32, err error) {
	type name struct {
		utterance string
		version   uint32
	}
	left := make(map[name]bool, len(entries))
	for _, e := range entries {
		left[name{e.GetUtteranceId(), e.GetVersion()}] = true
	}
	cuts := map[uint64]map[uint32]bool{}
	for key, row := range tx.Scan(liveBucket, r.prefix(), nil) {
		gone := map[uint32]bool{}
		err := liveRow(row, func(w liveWord) bool {
			h, wrong := hear(w.raw)
			if n := (name{string(h.utterance), h.version}); wrong == nil && left[n] {
				gone[w.index] = true
				delete(left, n)
			}
			return len(left) > 0
		})
		if err != nil {
			return 0, err
		}
		if len(gone) > 0 {
			cuts[binary.BigEndian.Uint64(key[len(key)-8:])] = gone
		}
		if len(left) == 0 {
			break
		}
	}
	for sequence, gone := range cuts {
		if err := cutLive(tx, r, sequence, gone); err != nil {
			return removed, err
		}
		removed += uint32(len(gone))
	}
	return removed, nil
}

// cutLive takes entries out of a row and their ids out of the view, and the row as well when nothing is left of it.
func cutLive(tx *view.Tx, r ref, sequence uint64, gone map[uint32]bool) error {
	var left, before, after []byte // what is left of the row; the newest id that grows in it
	var listed [][]byte
	err := liveRow(tx.Get(liveBucket, r.liveKey(sequence)), func(w liveWord) bool {
		h, _ := hear(w.raw)
		switch {
		case !w.listed && gone[w.index]:
			before = h.utterance
		case gone[w.index]:
			listed = append(listed, r.versionKey(h.utterance, h.version))
		case !w.listed:
			before, after = h.utterance, h.utterance
		}
		if !gone[w.index] {
			left = appendLive(left, int(w.index), w.listed, w.raw)
		}
		return true
	})
	if err != nil {
		return err
	}
	if err := moveGrown(tx, r, sequence, bytes.Clone(before), bytes.Clone(after)); err != nil {
		return err
	}
	for _, id := range listed {
		if err := tx.Delete(liveIDBucket, id); err != nil {
			return err
		}
	}
	if left == nil {
		return tx.Delete(liveBucket, r.liveKey(sequence))
	}
	return tx.Put(liveBucket, r.liveKey(sequence), left)
}
