package ingest

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/kikigaki/kikigaki/pkg/view"
)

// errRecord says that a row is not what encode makes.
var errRecord = errors.New("damaged")

// gone is the row of an erased call, by which a verification tells it from one that should not be there.
type gone struct {
	Erased bool      `json:"erased"`
	Aged   bool      `json:"aged,omitempty"`
	Closed time.Time `json:"closed"`
}

// encode is a row of the view: every append reads one, and JSON would be most of what that costs. Nothing is left out,
// so that equal records are equal rows.
func (r record) encode() ([]byte, error) {
	if r.Erased {
		return json.Marshal(gone{r.Erased, r.Aged, r.Closed})
	}
	out := binary.AppendUvarint([]byte{recordFormat}, r.Opened)
	for _, t := range [...]time.Time{r.Started, r.Ended, r.Closed} {
		out = binary.AppendVarint(out, t.Unix())
		out = binary.AppendUvarint(out, uint64(t.Nanosecond()))
	}
	out = appendBytes(out, r.Info)
	out = binary.AppendUvarint(out, uint64(len(r.Running)))
	for _, id := range r.Running {
		out = appendBytes(out, []byte(id))
	}
	return out, nil
}

// recordFormat begins a row, unlike JSON.
const recordFormat = 1

func appendBytes(out, value []byte) []byte {
	return append(binary.AppendUvarint(out, uint64(len(value))), value...)
}

// decodeRecord reads what encode made. The record keeps none of the row.
func decodeRecord(row []byte) (record, error) {
	switch {
	case len(row) > 0 && row[0] == '{':
		var g gone
		err := json.Unmarshal(row, &g)
		return record{Erased: g.Erased, Aged: g.Aged, Closed: g.Closed}, err
	case len(row) == 0 || row[0] != recordFormat:
		return record{}, errRecord
	}
	in := rowReader{row: row[1:]}
	r := record{Opened: in.uvarint()}
	r.Started, r.Ended, r.Closed = in.time(), in.time(), in.time()
	if info := in.bytes(); len(info) > 0 {
		r.Info = append([]byte(nil), info...)
	}
	for n := in.uvarint(); n > 0 && in.err == nil; n-- {
		r.Running = append(r.Running, string(in.bytes()))
	}
	if len(in.row) > 0 {
		in.err = errRecord
	}
	return r, in.err
}

// rowReader takes a row apart; the first thing that is not there makes its error.
type rowReader struct {
	row []byte
	err error
}

func (in *rowReader) uvarint() uint64 {
	n, size := binary.Uvarint(in.row)
	return take(in, n, size)
}

func (in *rowReader) time() time.Time {
	sec, size := binary.Varint(in.row)
	sec = take(in, sec, size)
	t := time.Unix(sec, int64(in.uvarint())).UTC()
	if in.err != nil {
		return time.Time{}
	}
	return t
}

func (in *rowReader) bytes() []byte {
	n := in.uvarint()
	if in.err != nil || n > uint64(len(in.row)) {
		in.err = errRecord
		return nil
	}
	out := in.row[:n]
	in.row = in.row[n:]
	return out
}

// take moves behind a number that was read, of which size says how long it was.
func take[N int64 | uint64](in *rowReader, n N, size int) N {
	if size <= 0 || in.err != nil {
		in.err = errRecord
		return 0
	}
	in.row = in.row[size:]
	return n
}

func readRecord(tx *view.Tx, r ref) (record, error) {
	row := tx.Get(callBucket, r.key())
	if row == nil {
		return record{}, nil
	}
	rec, err := decodeRecord(row)
	if err != nil {
		return rec, fmt.Errorf("ingest: view: %s: %w", callBucket, err)
	}
	return rec, nil
}
