package ingest

import (
	"reflect"
	"testing"
	"time"
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
