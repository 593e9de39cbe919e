package analysis

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
)

// Buckets of the view.
const (
	recordBucket = "analyses" // tenant, 0, analysis -> Record
	listBucket   = "bycall"   // tenant, 0, call, 0, sequence, index -> analysis
	callBucket   = "calls"    // tenant, 0, call -> CallState
	queueBucket  = "queue"    // tenant, 0, analysis -> nothing, for those not terminal
	keyBucket    = "keys"     // tenant, 0, key -> KeySaved without its secret
	goneBucket   = "gone"     // time, tenant, 0, call, 0, analysis -> nothing: erased calls (no analysis), deleted analyses
	viewFormat   = "4"
)

func key(parts ...string) []byte {
	var k []byte
	for i, p := range parts {
		if i > 0 {
			k = append(k, 0)
		}
		k = append(k, p...)
	}
	return k
}

func listKey(r Record) []byte {
	k := append(key(r.Tenant, r.Call), 0)
	k = binary.BigEndian.AppendUint64(k, r.Sequence)
	return append(k, byte(r.Index))
}

func getJSON(tx *view.Tx, bucket string, k []byte, out any) (bool, error) {
	value := tx.Get(bucket, k)
	if value == nil {
		return false, nil
	}
	if err := json.Unmarshal(value, out); err != nil {
		return false, fmt.Errorf("analysis: view: %s: %w", bucket, err)
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

func readRecord(tx *view.Tx, tenant, id string) (r Record, ok bool, err error) {
	ok, err = getJSON(tx, recordBucket, key(tenant, id), &r)
	return r, ok, err
}

// writeRecord stores a record and keeps the queue in step with its state.
func writeRecord(tx *view.Tx, r Record) error {
	if err := putJSON(tx, recordBucket, key(r.Tenant, r.ID), r); err != nil {
		return err
	}
	if r.Terminal() {
		return tx.Delete(queueBucket, key(r.Tenant, r.ID))
	}
	return tx.Put(queueBucket, key(r.Tenant, r.ID), []byte{1})
}

func readCall(tx *view.Tx, tenant, call string) (c CallState, ok bool, err error) {
	ok, err = getJSON(tx, callBucket, key(tenant, call), &c)
	return c, ok, err
}

func writeCall(tx *view.Tx, tenant, call string, c CallState) error {
	return putJSON(tx, callBucket, key(tenant, call), c)
}

// readKey returns a key as the newest event has it.
func readKey(tx *view.Tx, tenant, id string) (*eventv1.KeySaved, bool, error) {
	value := tx.Get(keyBucket, key(tenant, id))
	if value == nil {
		return nil, false, nil
	}
	var saved eventv1.KeySaved
	if err := proto.Unmarshal(value, &saved); err != nil {
		return nil, false, fmt.Errorf("analysis: view: key: %w", err)
	}
	return &saved, true, nil
}

// readQueue returns all analyses that are not terminal.
func readQueue(tx *view.Tx) ([]Record, error) {
	var out []Record
	for k := range tx.Scan(queueBucket, nil, nil) {
		var r Record
		if ok, err := getJSON(tx, recordBucket, k, &r); err != nil || !ok {
			return nil, fmt.Errorf("analysis: view: queued %q has no record: %w", k, err)
		}
		out = append(out, r)
	}
	return out, nil
}

func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func timeOf(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}
