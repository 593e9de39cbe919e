package ingest

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
)

// liveEvent is an event of LIVE as the view reads it.
type liveEvent struct {
	words  []heard
	tally  tally
	sealed *eventv1.Sealed // nil unless it is a seal
}

// heard is an entry: as much as the view has to know of it, and as it was written.
type heard struct {
	utterance []byte
	version   uint32
	raw       []byte
}

// readLive takes an event apart without making messages of its entries: that cost more than all else the view does with
// a word. An event that says one thing in several places, or that is no list of words, is read in full.
func readLive(data []byte) (liveEvent, error) {
	const wordsField, sealedField = 2, 3
	var words []byte
	lists, seals := 0, 0
	err := fields(data, func(n protowire.Number, value []byte, _ uint64) error {
		switch int(n) {
		case wordsField:
			words, lists = value, lists+1
		case sealedField:
			seals++
		}
		return nil
	})
	if err != nil || lists != 1 || seals > 0 || words == nil {
		return readLiveInFull(data)
	}
	return readWords(words)
}

func readWords(words []byte) (out liveEvent, err error) {
	const entryField, tallyField = 1, 2
	err = fields(words, func(n protowire.Number, value []byte, _ uint64) error {
		switch int(n) {
		case entryField:
			h, err := hear(value)
			out.words = append(out.words, h)
			return err
		case tallyField:
			var t eventv1.Tally
			err := proto.Unmarshal(value, &t)
			out.tally = tallyOf(&t)
			return err
		}
		return nil
	})
	return out, err
}

// hear reads an entry. Of what is said twice the last counts, as everywhere.
func hear(raw []byte) (heard, error) {
	const idField, versionField = 1, 2
	out := heard{raw: raw}
	err := fields(raw, func(n protowire.Number, value []byte, v uint64) error {
		switch int(n) {
		case idField:
			out.utterance = value
		case versionField:
			out.version = uint32(v)
		}
		return nil
	})
	return out, err
}

func readLiveInFull(data []byte) (out liveEvent, err error) {
	var event eventv1.LiveEvent
	if err := proto.Unmarshal(data, &event); err != nil {
		return out, err
	}
	out.sealed, out.tally = event.GetSealed(), tallyOf(event.GetWords().GetTally())
	for _, e := range event.GetWords().GetEntries() {
		raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(e)
		if err != nil {
			return out, err
		}
		out.words = append(out.words, heard{[]byte(e.GetUtteranceId()), e.GetVersion(), raw})
	}
	return out, nil
}
