package ingest

import (
	"encoding/binary"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
)

// apply brings the view up to one message. Kinds it does not know, of a newer version, change nothing. The streams
// have no common order: whatever comes first, the same state comes out.
func apply(tx *view.Tx, m stream.Message) error {
	if m.Subject == subject.LiveFiller() {
		return nil
	}
	if m.Stream == subject.Settings {
		return applySetting(tx, m)
	}
	noun, tenant, rest, ok := subject.Parse(m.Subject)
	if !ok {
		return fmt.Errorf("ingest: foreign subject %q", m.Subject)
	}
	r := ref{tenant, rest[0]}
	var err error
	switch noun {
	case subject.NounCall:
		err = applyCall(tx, r, m)
	case subject.NounLive:
		err = applyLive(tx, r, m)
	case subject.NounTranscript:
		err = applyTranscript(tx, r, m)
	}
	if err != nil {
		return err
	}
	return keepRendered(tx, r, noun, rest, m)
}

func applyCall(tx *view.Tx, r ref, m stream.Message) error {
	var event eventv1.CallEvent
	if err := proto.Unmarshal(m.Data, &event); err != nil {
		return err
	}
	rec, err := readRecord(tx, r)
	if err != nil {
		return err
	}
	next, err := rec.after(&event, event.GetMeta().GetAt().AsTime())
	if err != nil {
		return err
	}
	if event.GetOpened() != nil && !next.Erased {
		next.Opened = m.Sequence
	}
	if event.GetErased() != nil {
		if err := bury(tx, r, next); err != nil {
			return err
		}
	}
	if err := errors.Join(reindex(tx, r, rec, next, m.Time.UnixMilli()), relink(tx, r, rec, next)); err != nil {
		return err
	}
	row, err := next.encode()
	if err != nil {
		return err
	}
	return tx.Put(callBucket, r.key(), row)
}

// applyLive keeps the words that are in no part: where a part came first, its words are not live.
func applyLive(tx *view.Tx, r ref, m stream.Message) error {
	event, err := readLive(m.Data)
	if err != nil {
		return err
	}
	c, err := readCounts(tx, r)
	if err != nil {
		return err
	}
	c.Newest, c.Heard = max(c.Newest, m.Sequence), max(c.Heard, m.Time.UnixMilli())
	if event.sealed != nil {
		c.LiveTally = tallyOf(event.sealed.GetTally()) // of everything below it, which may be purged by now
		sequence := binary.BigEndian.AppendUint64(nil, m.Sequence)
		return errors.Join(tx.Put(sealBucket, r.key(), sequence), writeCounts(tx, r, c))
	}
	if erased(tx, r) {
		return nil
	}
	c.LiveTally = c.LiveTally.plus(event.tally)
	if err := keepLive(tx, r, m, event.words, &c); err != nil {
		return err
	}
	return writeCounts(tx, r, c)
}

// keepLive keeps the words of an event in one row, and lists where each of them is whose id does not grow.
func keepLive(tx *view.Tx, r ref, m stream.Message, words []heard, c *counts) error {
	row, furthest := make([]byte, 0, len(m.Data)), []byte(c.Furthest)
	var grown []byte
	for i, h := range words {
		if c.Parts > 0 && tx.Get(partIDBucket, r.versionKey(h.utterance, h.version)) != nil {
			continue
		}
		listed := !beyond(h.utterance, furthest)
		if listed {
			at := place{m.Sequence, uint32(i)}.append(nil)
			if err := tx.Put(liveIDBucket, r.versionKey(h.utterance, h.version), at); err != nil {
				return err
			}
		} else {
			furthest, grown = h.utterance, h.utterance
		}
		row = appendLive(row, i, listed, h.raw)
		c.Live++
	}
	if len(row) == 0 {
		return nil
	}
	c.Furthest = string(furthest)
	if err := moveGrown(tx, r, m.Sequence, nil, grown); err != nil {
		return err
	}
	return tx.Put(liveBucket, r.liveKey(m.Sequence), row)
}

// applyTranscript keeps the words of a part, which are no longer live from here on.
func applyTranscript(tx *view.Tx, r ref, m stream.Message) error {
	var event eventv1.TranscriptEvent
	if err := proto.Unmarshal(m.Data, &event); err != nil {
		return err
	}
	if event.GetErased() != nil {
		return errors.Join(tx.Put(erasedBucket, r.key(), []byte{1}), drop(tx, r))
	}
	part := event.GetPart()
	if part == nil || erased(tx, r) {
		return nil
	}
	c, err := readCounts(tx, r)
	if err != nil {
		return err
	}
	removed, err := removeLive(tx, r, part.GetEntries())
	if err != nil {
		return err
	}
	c.Live -= removed
	for i, e := range part.GetEntries() {
		at := part.GetFirst() + uint32(i)
		if err := errors.Join(
			put(tx, partBucket, r.partKey(at), e),
			tx.Put(partIDBucket, r.idKey(e), binary.BigEndian.AppendUint32(nil, at)),
		); err != nil {
			return err
		}
		c.Parts++
		c.Furthest = further(c.Furthest, e.GetUtteranceId())
	}
	c.Last = max(c.Last, part.GetNumber())
	c.Heard = max(c.Heard, m.Time.UnixMilli())
	c.PartTally = c.PartTally.plus(tallyOf(part.GetTally()))
	if part.GetLate() {
		c.Late += uint32(len(part.GetEntries()))
	}
	return errors.Join(indexPart(tx, r, part), writeCounts(tx, r, c))
}

// put stores a message deterministically, so that equal states have equal sums.
func put(tx *view.Tx, bucket string, k []byte, m proto.Message) error {
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return err
	}
	return tx.Put(bucket, k, value)
}
