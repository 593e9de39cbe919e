package ingest

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
)

// Buckets of the view. An entry is in parts or, until then, in live, never in both, whichever stream came first. No id
// holds a control character, so that 0 ends it.
const (
	callBucket   = "calls"   // tenant, 0, call -> record
	indexBucket  = "index"   // tenant, 0, newest start first, call -> signature of its details
	sealBucket   = "seals"   // tenant, 0, call -> sequence of the seal in LIVE
	erasedBucket = "erased"  // tenant, 0, call -> nothing; the tombstone of its parts is there
	countBucket  = "counts"  // tenant, 0, call -> counts
	liveBucket   = "live"    // tenant, 0, call, 0, sequence -> entries of the event there; see appendLive
	partBucket   = "parts"   // tenant, 0, call, 0, revision -> Entry
	liveIDBucket = "liveids" // tenant, 0, call, 0, utterance, 0, version -> place in live; not of ids that grow
	grownBucket  = "grown"   // tenant, 0, call, 0, length of an id, id -> sequence of the event it ends; see grownEntry
	partIDBucket = "partids" // tenant, 0, call, 0, utterance, 0, version -> revision
	linkBucket   = "links"   // tenant, 0, call, 0, call that names it -> relation
	searchBucket = "search"  // tenant, 0, call, 0, number of a part -> signature of its words
	openBucket   = "open"    // tenant, 0, call that has not ended -> when the server stored its opening, in ms
	goneBucket   = "gone"    // time of an erase, tenant, 0, call -> nothing
	viewFormat   = "9"
)

func buckets() []string {
	return []string{
		callBucket, indexBucket, sealBucket, erasedBucket, countBucket, liveBucket, partBucket, liveIDBucket, grownBucket,
		partIDBucket, linkBucket, searchBucket, openBucket, goneBucket, voiceBucket, settingBucket,
	}
}

// ref names a call.
type ref struct{ tenant, call string }

func (r ref) key() []byte { return []byte(r.tenant + "\x00" + r.call) }

func (r ref) prefix() []byte { return append(r.key(), 0) }

func (r ref) liveKey(sequence uint64) []byte {
	return binary.BigEndian.AppendUint64(r.prefix(), sequence)
}

func (r ref) partKey(revision uint32) []byte {
	return binary.BigEndian.AppendUint32(r.prefix(), revision)
}

func (r ref) utterance(id string) []byte { return append(append(r.prefix(), id...), 0) }

func (r ref) idKey(e *eventv1.Entry) []byte {
	return binary.BigEndian.AppendUint32(r.utterance(e.GetUtteranceId()), e.GetVersion())
}

func (r ref) versionKey(utterance []byte, version uint32) []byte {
	return binary.BigEndian.AppendUint32(append(append(r.prefix(), utterance...), 0), version)
}

// indexKey sorts calls by their start, newest first, then by id.
func (r ref) indexKey(started time.Time) []byte {
	k := append([]byte(r.tenant+"\x00"), startPlace(started)...)
	return append(k, r.call...)
}

// indexStart is how long the part of an index key before the call's id is, without the tenant.
const indexStart = 8

func getJSON(tx *view.Tx, bucket string, k []byte, out any) error {
	value := tx.Get(bucket, k)
	if value == nil {
		return nil
	}
	if err := json.Unmarshal(value, out); err != nil {
		return fmt.Errorf("ingest: view: %s: %w", bucket, err)
	}
	return nil
}

func putJSON(tx *view.Tx, bucket string, k []byte, in any) error {
	value, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return tx.Put(bucket, k, value)
}

// seal returns the sequence of a call's seal, 0 when its live words are open.
func seal(tx *view.Tx, r ref) uint64 {
	value := tx.Get(sealBucket, r.key())
	if len(value) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(value)
}

// folded tells whether a call's live words are sealed and all of them in parts.
func folded(tx *view.Tx, r ref) bool {
	words := false
	for range tx.Scan(liveBucket, r.prefix(), nil) {
		words = true
		break
	}
	return seal(tx, r) > 0 && !words
}

// storedEntry is the entry with the id and version of another, nil when there is none.
func storedEntry(tx *view.Tx, r ref, like *eventv1.Entry) *eventv1.Entry {
	var value []byte
	if at, live := decodePlace(tx.Get(liveIDBucket, r.idKey(like))); live {
		value = liveEntry(tx, r, at)
	} else if at := tx.Get(partIDBucket, r.idKey(like)); len(at) == 4 {
		value = tx.Get(partBucket, append(r.prefix(), at...))
	} else {
		value = grownEntry(tx, r, like.GetUtteranceId())
	}
	e := &eventv1.Entry{}
	if value == nil || proto.Unmarshal(value, e) != nil || e.GetVersion() != like.GetVersion() {
		return nil
	}
	return e
}

// partsErased tells whether a call's parts have ended with their tombstone.
func partsErased(tx *view.Tx, r ref) bool { return tx.Get(erasedBucket, r.key()) != nil }

// highest is the highest version that a call has of an utterance. Of what the counts say there is nothing, nothing is
// looked for.
func highest(tx *view.Tx, r ref, c counts, utterance string) (version uint32, known bool) {
	prefix := r.utterance(utterance)
	for _, in := range [...]struct {
		bucket  string
		entries uint32
	}{{liveIDBucket, c.Live}, {partIDBucket, c.Parts}} {
		if in.entries == 0 {
			continue
		}
		for k := range tx.ScanBack(in.bucket, prefix, nil) {
			version, known = max(version, binary.BigEndian.Uint32(k[len(prefix):])), true
			break
		}
	}
	if c.Live > 0 {
		grown, also := grownVersion(tx, r, utterance)
		version, known = max(version, grown), known || also
	}
	return version, known
}

// liveEntries yields the entries that are in no part yet, in their order, until there are enough.
func liveEntries(tx *view.Tx, r ref, enough func(*eventv1.Entry) bool) error {
	var wrong error
	err := eachLive(tx, r, func(raw []byte) bool {
		e := &eventv1.Entry{}
		wrong = proto.Unmarshal(raw, e)
		return wrong == nil && !enough(e)
	})
	return damaged(liveBucket, cmp.Or(err, wrong))
}

// partEntries yields the entries in parts, in their order, until there are enough.
func partEntries(tx *view.Tx, r ref, enough func(*eventv1.Entry) bool) error {
	for _, value := range tx.Scan(partBucket, r.prefix(), nil) {
		e := &eventv1.Entry{}
		if err := proto.Unmarshal(value, e); err != nil {
			return damaged(partBucket, err)
		}
		if enough(e) {
			return nil
		}
	}
	return nil
}

// damaged says in which bucket something cannot be read.
func damaged(bucket string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("ingest: view: %s: %w", bucket, err)
}
