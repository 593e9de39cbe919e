package ingest

import (
	"encoding/binary"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
)

// apply brings the view up to one message. Kinds it does not know, of a newer version, change nothing. The streams
// have no common order: whatever comes first, the same state comes out.
func apply(tx *view.Tx, m stream.Message) error {
	noun, tenant, rest, ok := subject.Parse(m.Subject)
	if !ok {
		return fmt.Errorf("ingest: foreign subject %q", m.Subject)
	}
	r := ref{tenant, rest[0]}
	switch noun {
	case subject.NounCall:
		return applyCall(tx, r, m)
	case subject.NounLive:
		return applyLive(tx, r, m)
	case subject.NounTranscript:
		return applyPart(tx, r, m)
	}
	return nil
}

func applyCall(tx *view.Tx, r ref, m stream.Message) error {
	var event eventv1.CallEvent
	if err := proto.Unmarshal(m.Data, &event); err != nil {
		return err
	}
	rec, known, err := readRecord(tx, r)
	if err != nil {
		return err
	}
	at := event.GetMeta().GetAt().AsTime()
	next, err := rec.after(&event, at)
	if err != nil {
		return err
	}
	if known && !next.Started.Equal(rec.Started) {
		if err := tx.Delete(indexBucket, r.indexKey(rec.Started)); err != nil {
			return err
		}
	}
	if err := tx.Put(indexBucket, r.indexKey(next.Started), []byte{1}); err != nil {
		return err
	}
	return putJSON(tx, callBucket, r.key(), next)
}

// after is the record after one event.
func (r record) after(event *eventv1.CallEvent, at time.Time) (record, error) {
	switch e := event.GetKind().(type) {
	case *eventv1.CallEvent_Opened:
		return r.with(e.Opened.GetInfo(), at)
	case *eventv1.CallEvent_Changed:
		return r.with(e.Changed.GetInfo(), at)
	case *eventv1.CallEvent_Ended:
		r.Ended = e.Ended.GetEndedAt().AsTime()
	case *eventv1.CallEvent_Erased:
		r.Erased, r.Info = true, nil
	case *eventv1.CallEvent_Requested:
		r.Running = nil
		for _, a := range e.Requested.GetAnalyses() {
			r.Running = append(r.Running, a.GetId())
		}
	case *eventv1.CallEvent_Completed:
		return r.analysisEnded(e.Completed.GetOutcome().GetAnalysisId()), nil
	case *eventv1.CallEvent_Failed:
		return r.analysisEnded(e.Failed.GetOutcome().GetAnalysisId()), nil
	case *eventv1.CallEvent_Cancelled:
		return r.analysisEnded(e.Cancelled.GetOutcome().GetAnalysisId()), nil
	}
	return r, nil
}

func applyLive(tx *view.Tx, r ref, m stream.Message) error {
	var event eventv1.LiveEvent
	if err := proto.Unmarshal(m.Data, &event); err != nil {
		return err
	}
	if event.GetSealed() != nil {
		return tx.Put(sealBucket, r.key(), binary.BigEndian.AppendUint64(nil, m.Sequence))
	}
	c, err := readCounts(tx, r)
	if err != nil {
		return err
	}
	for i, e := range event.GetWords().GetEntries() {
		if tx.Get(partIDBucket, r.idKey(e)) != nil {
			continue // folded already; the part came first
		}
		k := r.liveKey(m.Sequence, i)
		if err := put(tx, liveBucket, k, e); err != nil {
			return err
		}
		if err := tx.Put(liveIDBucket, r.idKey(e), k); err != nil {
			return err
		}
		c.Live++
	}
	return writeCounts(tx, r, c)
}

func applyPart(tx *view.Tx, r ref, m stream.Message) error {
	var event eventv1.TranscriptEvent
	if err := proto.Unmarshal(m.Data, &event); err != nil {
		return err
	}
	part := event.GetPart()
	if part == nil {
		return nil
	}
	c, err := readCounts(tx, r)
	if err != nil {
		return err
	}
	for i, e := range part.GetEntries() {
		if k := tx.Get(liveIDBucket, r.idKey(e)); k != nil {
			if err := tx.Delete(liveBucket, k); err != nil {
				return err
			}
			if err := tx.Delete(liveIDBucket, r.idKey(e)); err != nil {
				return err
			}
			c.Live--
		}
		if err := tx.Put(partIDBucket, r.idKey(e), []byte{1}); err != nil {
			return err
		}
		if err := put(tx, partBucket, r.partKey(part.GetFirst()+uint32(i)), e); err != nil { //nolint:gosec // bounded
			return err
		}
		c.Parts++
	}
	c.Last = max(c.Last, part.GetNumber())
	return writeCounts(tx, r, c)
}

// writeCounts leaves no trace of a call without words, so that it does not matter which stream came first.
func writeCounts(tx *view.Tx, r ref, c counts) error {
	if c == (counts{}) {
		return tx.Delete(countBucket, r.key())
	}
	return putJSON(tx, countBucket, r.key(), c)
}

// put stores a message deterministically, so that equal states have equal sums.
func put(tx *view.Tx, bucket string, k []byte, m proto.Message) error {
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return err
	}
	return tx.Put(bucket, k, value)
}
