package view

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"
)

const (
	markPrefix = "mark:"
	seenPrefix = "seen:"
	// Remembered is how many messages of each stream a view remembers to compare with the log.
	Remembered = 100
)

// Mark is how far a view has read a stream.
type Mark struct {
	// Stream by its name.
	Stream string `json:"-"`
	// Incarnation and Created tell the stream that was read from another one of the same name.
	Incarnation string    `json:"incarnation"`
	Created     time.Time `json:"created"`
	// Sequence of the last message applied; 0 before the first.
	Sequence uint64 `json:"sequence"`
}

// Seen is what a view remembers of a message it has applied.
type Seen struct {
	// Sequence in its stream, and when the server stored it. The time counts: after a rollback the same event may lie at
	// the same place once more.
	Sequence uint64    `json:"-"`
	Time     time.Time `json:"time"`
	// Hash of subject and data, by whoever applies messages; the view only keeps it.
	Hash []byte `json:"hash"`
	// Subject and event id of the message, for [Tx.Stored] and for who asks why it is missing.
	Subject string `json:"subject"`
	EventID string `json:"eventId,omitempty"`
}

// Apply changes the view and moves its mark in a stream, in one transaction. seen are the messages that the change
// comes from; the oldest remembered ones beyond [Remembered] are forgotten. The error is fn's, or the disk's, and nothing
// has changed then. Changes wait for one another: fn must not call Apply. A nil fn moves the mark alone.
func (v *View) Apply(m Mark, seen []Seen, fn func(*Tx) error) error {
	return v.change(func(tx *Tx) error {
		if fn != nil {
			if err := fn(tx); err != nil {
				return err
			}
		}
		if err := tx.remember(m.Stream, seen); err != nil {
			return err
		}
		value, err := json.Marshal(m)
		if err != nil {
			return err
		}
		return tx.bucket(metaBucket).Put([]byte(markPrefix+m.Stream), value)
	})
}

func (t *Tx) remember(stream string, seen []Seen) error {
	meta, prefix := t.bucket(metaBucket), seenPrefix+stream+":"
	for _, s := range seen[max(0, len(seen)-Remembered):] {
		value, err := json.Marshal(s)
		if err != nil {
			return err
		}
		if err := meta.Put(binary.BigEndian.AppendUint64([]byte(prefix), s.Sequence), value); err != nil {
			return err
		}
	}
	var old [][]byte
	kept := 0
	for k := range t.ScanBack(metaBucket, []byte(prefix), nil) {
		if kept++; kept > Remembered {
			old = append(old, append([]byte(nil), k...))
		}
	}
	for _, k := range old {
		if err := meta.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// Mark returns how far the view has read a stream; ok is false when it never began.
func (t *Tx) Mark(stream string) (m Mark, ok bool, err error) {
	value := t.Get(metaBucket, []byte(markPrefix+stream))
	if value == nil {
		return Mark{Stream: stream}, false, nil
	}
	if err := json.Unmarshal(value, &m); err != nil {
		return m, false, fmt.Errorf("view: mark of %s: %w", stream, err)
	}
	m.Stream = stream
	return m, true, nil
}

// Seen returns the messages of a stream that the view remembers, oldest first.
func (t *Tx) Seen(stream string) ([]Seen, error) {
	prefix := []byte(seenPrefix + stream + ":")
	var out []Seen
	for k, value := range t.Scan(metaBucket, prefix, nil) {
		s := Seen{Sequence: binary.BigEndian.Uint64(k[len(prefix):])}
		if err := json.Unmarshal(value, &s); err != nil {
			return nil, fmt.Errorf("view: remembered message of %s: %w", stream, err)
		}
		out = append(out, s)
	}
	return out, nil
}
