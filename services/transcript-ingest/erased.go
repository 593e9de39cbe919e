package ingest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"

	"github.com/kikigaki/kikigaki/pkg/view"
	"github.com/kikigaki/kikigaki/services/internal/erasure"
)

// erased tells whether a call is erased, as far as either stream has told: its history, or the tombstone of its parts.
// Nothing about it is kept from then on, whatever else comes, in whatever order.
func erased(tx *view.Tx, r ref) bool {
	if partsErased(tx, r) {
		return true
	}
	rec, err := readRecord(tx, r)
	return err == nil && rec.Erased
}

// bury takes an erased call out of the view, and remembers when it was, so that what is left of it on the log is looked
// for. What a person has erased is to be wiped from the file, too.
func bury(tx *view.Tx, r ref, rec record) error {
	if err := errors.Join(drop(tx, r), tx.Put(goneBucket, r.goneKey(rec.Closed), []byte{1})); err != nil || rec.Aged {
		return err
	}
	return tx.Forget()
}

// drop removes what was said in a call.
func drop(tx *view.Tx, r ref) error {
	for _, bucket := range []string{liveBucket, liveIDBucket, grownBucket, partBucket, partIDBucket, searchBucket, voiceBucket} {
		var keys [][]byte
		for k := range tx.Scan(bucket, r.prefix(), nil) {
			keys = append(keys, bytes.Clone(k))
		}
		for _, k := range keys {
			if err := tx.Delete(bucket, k); err != nil {
				return err
			}
		}
	}
	return tx.Delete(countBucket, r.key())
}

// goneKey sorts erased calls by when that was.
func (r ref) goneKey(at time.Time) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(at.UnixNano())), r.key()...)
}

// erasedSince are the calls that were erased at or after a time.
func erasedSince(tx *view.Tx, since time.Time) (calls []erasure.Call, err error) {
	from := binary.BigEndian.AppendUint64(nil, uint64(since.UnixNano()))
	for k := range tx.Scan(goneBucket, nil, from) {
		r := refOf(k[8:])
		rec, err := readRecord(tx, r)
		if err != nil {
			return nil, err
		}
		calls = append(calls, erasure.Call{Tenant: r.tenant, ID: r.call, Aged: rec.Aged})
	}
	return calls, nil
}
