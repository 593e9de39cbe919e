package ingest

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
)

// Buckets of the view. An entry is in parts or, until then, in live, never in both, whichever stream came first.
const (
	callBucket   = "calls"   // tenant, 0, call -> record
	indexBucket  = "index"   // tenant, 0, newest start first, call -> nothing
	sealBucket   = "seals"   // tenant, 0, call -> sequence of the seal
	countBucket  = "counts"  // tenant, 0, call -> counts
	liveBucket   = "live"    // tenant, 0, call, 0, sequence, index -> Entry
	partBucket   = "parts"   // tenant, 0, call, 0, revision -> Entry
	liveIDBucket = "liveids" // tenant, 0, call, 0, utterance, 0, version -> key in live
	partIDBucket = "partids" // tenant, 0, call, 0, utterance, 0, version -> nothing
	viewFormat   = "1"
)

// counts are how much of a call there is.
type counts struct {
	Live  uint32 `json:"live"`  // entries in live
	Parts uint32 `json:"parts"` // entries in parts
	Last  uint32 `json:"last"`  // number of the last part
}

// revision is the number of entries.
func (c counts) revision() uint32 { return c.Live + c.Parts }

// ref names a call.
type ref struct{ tenant, call string }

func (r ref) key() []byte { return []byte(r.tenant + "\x00" + r.call) }

func (r ref) prefix() []byte { return append(r.key(), 0) }

func (r ref) liveKey(sequence uint64, index int) []byte {
	k := binary.BigEndian.AppendUint64(r.prefix(), sequence)
	return binary.BigEndian.AppendUint32(k, uint32(index)) //nolint:gosec // at most 500 in an append
}

func (r ref) partKey(revision uint32) []byte {
	return binary.BigEndian.AppendUint32(r.prefix(), revision)
}

func (r ref) utterance(id string) []byte { return append(append(r.prefix(), id...), 0) }

func (r ref) idKey(e *eventv1.Entry) []byte {
	return binary.BigEndian.AppendUint32(r.utterance(e.GetUtteranceId()), e.GetVersion())
}

// indexKey sorts calls by their start, newest first, then by id.
func (r ref) indexKey(started time.Time) []byte {
	k := []byte(r.tenant + "\x00")
	k = binary.BigEndian.AppendUint64(k, uint64(math.MaxInt64-started.UnixNano())) //nolint:gosec // order is all we need
	return append(k, r.call...)
}

// indexStart is how long the part of an index key before the call's id is, without the tenant.
const indexStart = 8

func getJSON(tx *view.Tx, bucket string, k []byte, out any) (bool, error) {
	value := tx.Get(bucket, k)
	if value == nil {
		return false, nil
	}
	if err := json.Unmarshal(value, out); err != nil {
		return false, fmt.Errorf("ingest: view: %s: %w", bucket, err)
	}
	return true, nil
}

func putJSON(tx *view.Tx, bucket string, k []byte, in any) error {
	value, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return tx.Put(bucket, k, value)
}

func readRecord(tx *view.Tx, r ref) (rec record, ok bool, err error) {
	ok, err = getJSON(tx, callBucket, r.key(), &rec)
	return rec, ok, err
}

func readCounts(tx *view.Tx, r ref) (c counts, err error) {
	_, err = getJSON(tx, countBucket, r.key(), &c)
	return c, err
}

// seal returns the sequence of a call's seal, 0 when its live words are open.
func seal(tx *view.Tx, r ref) uint64 {
	value := tx.Get(sealBucket, r.key())
	if len(value) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(value)
}

// highest is the highest version that a call has of an utterance.
func highest(tx *view.Tx, r ref, utterance string) (version uint32, known bool) {
	prefix := r.utterance(utterance)
	for _, bucket := range []string{liveIDBucket, partIDBucket} {
		for k := range tx.ScanBack(bucket, prefix, nil) {
			if len(k) != len(prefix)+4 {
				break
			}
			version, known = max(version, binary.BigEndian.Uint32(k[len(prefix):])), true
			break
		}
	}
	return version, known
}

// liveEntries yields the entries that are in no part yet, in their order, until there are enough.
func liveEntries(tx *view.Tx, r ref, enough func(*eventv1.Entry) bool) error {
	return entries(tx, liveBucket, r, len(r.prefix())+12, enough)
}

// partEntries yields the entries in parts, in their order, until there are enough.
func partEntries(tx *view.Tx, r ref, enough func(*eventv1.Entry) bool) error {
	return entries(tx, partBucket, r, len(r.prefix())+4, enough)
}

func entries(tx *view.Tx, bucket string, r ref, keyLength int, enough func(*eventv1.Entry) bool) error {
	for k, value := range tx.Scan(bucket, r.prefix(), nil) {
		if len(k) != keyLength {
			continue
		}
		e := &eventv1.Entry{}
		if err := proto.Unmarshal(value, e); err != nil {
			return fmt.Errorf("ingest: view: %s: %w", bucket, err)
		}
		if enough(e) {
			return nil
		}
	}
	return nil
}
