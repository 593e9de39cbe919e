package ingest

import (
	"bytes"
	"encoding/binary"

	"github.com/kikigaki/kikigaki/pkg/view"
)

// Ids that grow, as those of most publishers do, are in no list: a row for each was an eighth of what a streamed word cost.
// An entry whose id lies beyond every other of the call has its place by that alone. Only the newest such id of an event
// has a row, by which the event is found, and an entry in it by reading them all.

// grownKey sorts ids as [beyond] does.
func (r ref) grownKey(id []byte) []byte {
	return append(binary.BigEndian.AppendUint16(r.prefix(), uint16(len(id))), id...)
}

// grownEntry is the live entry of an utterance whose id was beyond all before it, as it was written; nil when there is
// none.
func grownEntry(tx *view.Tx, r ref, utterance string) (out []byte) {
	for _, at := range tx.Scan(grownBucket, r.prefix(), r.grownKey([]byte(utterance))) {
		if len(at) != 8 {
			return nil
		}
		_ = liveRow(tx.Get(liveBucket, r.liveKey(binary.BigEndian.Uint64(at))), func(w liveWord) bool {
			if !w.listed {
				if h, err := hear(w.raw); err == nil && string(h.utterance) == utterance {
					out = w.raw
				}
			}
			return out == nil
		})
		break
	}
	return out
}

// grownVersion is the version of that entry.
func grownVersion(tx *view.Tx, r ref, utterance string) (version uint32, known bool) {
	raw := grownEntry(tx, r, utterance)
	if raw == nil {
		return 0, false
	}
	h, err := hear(raw)
	return h.version, err == nil
}

// moveGrown says by which id an event is found: before and after are the newest that grows in it, nil for none.
func moveGrown(tx *view.Tx, r ref, sequence uint64, before, after []byte) error {
	if bytes.Equal(before, after) {
		return nil
	}
	if before != nil {
		if err := tx.Delete(grownBucket, r.grownKey(before)); err != nil {
			return err
		}
	}
	if after == nil {
		return nil
	}
	return tx.Put(grownBucket, r.grownKey(after), binary.BigEndian.AppendUint64(nil, sequence))
}
