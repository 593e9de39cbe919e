package ingest

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
)

func TestRowsReadBackAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	started := time.Date(2026, 11, 21, 9, 30, 0, 123456789, time.UTC)
	for _, want := range []record{
		{},
		{Info: []byte{0, 1, 255}, Opened: 1 << 60, Started: started, Running: []string{"a", "", "解析"}},
		{Started: time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC), Ended: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)},
		{Erased: true, Closed: started},
		{Erased: true, Aged: true, Closed: started},
	} {
		row, err := want.encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeRecord(row)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v reads back as %+v: %v", want, got, err)
		}
		for n := range row { // whatever is left of a row, it is no record
			if got, err := decodeRecord(row[:n]); err == nil {
				t.Errorf("the first %d bytes of %x read as %+v", n, row, got)
			}
		}
		if got, err := decodeRecord(append(row, 0)); err == nil {
			t.Errorf("%x and a byte more reads as %+v", row, got)
		}
	}
	c := counts{1, 2, 3, 4, 1 << 63, -5, tally{6, 7}, tally{1<<32 - 1, 9}}
	if got, err := decodeCounts(c.encode()); err != nil || got != c {
		t.Errorf("%+v reads back as %+v: %v", c, got, err)
	}
	if _, err := decodeCounts(c.encode()[1:]); err == nil {
		t.Error("a row that is too short reads as counts")
	}
}

func TestEntriesAreFoundAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	entries := []*eventv1.Entry{{UtteranceId: "1", Text: "もしもし"}, {}, {UtteranceId: "3", StartSec: proto.Float64(1)}}
	event := &eventv1.LiveEvent{
		Meta: &eventv1.Meta{Service: "transcript-ingest"},
		Kind: &eventv1.LiveEvent_Words{Words: &eventv1.Words{Entries: entries, Tally: &eventv1.Tally{Duplicates: 2}}},
	}
	data, err := proto.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	raw := rawEntries(data, entries)
	if len(raw) != len(entries) {
		t.Fatalf("%d of %d entries are found", len(raw), len(entries))
	}
	for i, want := range entries {
		got := &eventv1.Entry{}
		if err := proto.Unmarshal(raw[i], got); err != nil || !proto.Equal(got, want) {
			t.Errorf("entry %d is %v, %v", i, got, err)
		}
	}
	twice := append(slices.Clone(data), data...) // which means both lists, one behind the other
	if raw := rawEntries(twice, append(entries, entries...)); raw != nil {
		t.Errorf("of an event in two places %d entries are found", len(raw))
	}
	for n := range data {
		if raw := rawEntries(data[:n], entries); len(raw) > 0 && n < len(data)-20 {
			t.Errorf("in the first %d bytes of %d there are all entries", n, len(data))
		}
	}
}
