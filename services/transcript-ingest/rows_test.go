package ingest

import (
	"bytes"
	"fmt"
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
	c := counts{1, 2, 3, 4, 1 << 63, -5, tally{6, 7}, tally{1<<32 - 1, 9}, "発話-9"}
	if got, err := decodeCounts(c.encode()); err != nil || got != c {
		t.Errorf("%+v reads back as %+v: %v", c, got, err)
	}
	if _, err := decodeCounts(c.encode()[:countsSize-1]); err == nil {
		t.Error("a row that is too short reads as counts")
	}
}

func TestWordsAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	entries := []*eventv1.Entry{
		{UtteranceId: "1", Text: "もしもし"}, {}, {UtteranceId: "3", Version: 1<<32 - 1, StartSec: proto.Float64(1)},
	}
	words := &eventv1.Words{Entries: entries, Tally: &eventv1.Tally{Duplicates: 2}}
	data, err := proto.Marshal(&eventv1.LiveEvent{
		Meta: &eventv1.Meta{Service: "transcript-ingest"}, Kind: &eventv1.LiveEvent_Words{Words: words},
	})
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := proto.Marshal(&eventv1.LiveEvent{Kind: &eventv1.LiveEvent_Sealed{Sealed: &eventv1.Sealed{Entries: 3}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string][]byte{
		"as we write it": data, "in two places": slices.Concat(data, data), "words, then a seal": slices.Concat(data, sealed),
		"a seal, then words": slices.Concat(sealed, data), "a seal": sealed, "nothing": nil, "of a newer version": {0x22, 1, 7},
	} {
		got, err := readLive(in)
		want, wantErr := readLiveInFull(in)
		if err != nil || wantErr != nil || !reflect.DeepEqual(got.tally, want.tally) || !proto.Equal(got.sealed, want.sealed) ||
			!slices.EqualFunc(got.words, want.words, sameWords) {
			t.Errorf("%s: read as %+v, in full %+v: %v, %v", name, got, want, err, wantErr)
		}
	}
	for n := 1; n < len(data); n++ {
		if got, err := readLive(data[:n]); err == nil && len(got.words) > 0 {
			t.Errorf("in the first %d bytes of %d there are %d entries", n, len(data), len(got.words))
		}
	}
}

func sameWords(a, b heard) bool {
	var one, other eventv1.Entry
	return bytes.Equal(a.utterance, b.utterance) && a.version == b.version &&
		proto.Unmarshal(a.raw, &one) == nil && proto.Unmarshal(b.raw, &other) == nil && proto.Equal(&one, &other)
}

func TestARowOfWordsLosesWhatIsTakenOutAlone(t *testing.T) {
	t.Parallel()
	var row []byte
	for i, raw := range []string{"one", "", "three"} {
		row = appendLive(row, i*200, i == 1, []byte(raw))
	}
	var got []string
	collect := func(w liveWord) bool {
		got = append(got, fmt.Sprint(w.index, " ", w.listed, " ", string(w.raw)))
		return len(got) < 3
	}
	if err := liveRow(row, collect); err != nil || !slices.Equal(got, []string{"0 false one", "200 true ", "400 false three"}) {
		t.Errorf("the row reads back as %q: %v", got, err)
	}
	for n := 1; n < len(row); n++ {
		count := 0
		err := liveRow(row[:n], func(liveWord) bool { count++; return true })
		if err == nil && count == 3 {
			t.Errorf("the first %d bytes of %d read as the row", n, len(row))
		}
	}
}

func TestIdsThatGrowLieBeyondThoseBefore(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{{"9", "10"}, {"", "0"}, {"99", "100"}, {"a1", "a2"}, {"z", "aa"}} {
		if !beyond(pair[1], pair[0]) || beyond(pair[0], pair[1]) || beyond(pair[0], pair[0]) {
			t.Errorf("%q does not lie beyond %q alone", pair[1], pair[0])
		}
		if further(pair[0], pair[1]) != pair[1] || further(pair[1], pair[0]) != pair[1] {
			t.Errorf("of %q the further is not %q", pair, pair[1])
		}
	}
}
