package ingest

import (
	"google.golang.org/protobuf/encoding/protowire"

	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
)

// rawEntries are the entries of a LiveEvent as they were written: what the view keeps of them need not be made again. nil
// where they are not found, as in an event that says one thing in several places.
func rawEntries(event []byte, entries []*eventv1.Entry) [][]byte {
	const words, entry = protowire.Number(2), protowire.Number(1)
	lists := messages(event, words)
	if len(lists) != 1 {
		return nil
	}
	if raw := messages(lists[0], entry); len(raw) == len(entries) {
		return raw
	}
	return nil
}

// messages are the messages in a field; nil where something is wrong.
func messages(in []byte, number protowire.Number) (out [][]byte) {
	err := fields(in, func(n protowire.Number, value []byte, _ uint64) error {
		if n == number && value != nil {
			out = append(out, value)
		}
		return nil
	})
	if err != nil {
		return nil
	}
	return out
}
