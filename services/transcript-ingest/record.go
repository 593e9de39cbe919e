package ingest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/kikigaki/kikigaki/pkg/view"
)

// errRecord says that a row is not what encode makes.
var errRecord = errors.New("damaged")

const (
	recordErased = 1 << iota
	recordAged
)

// encode is a row of the view: every append reads one, and JSON would be most of what that costs. Nothing is left out,
// so that equal records are equal rows.
func (r record) encode() []byte {
	var flags byte
	if r.Erased {
		flags |= recordErased
	}
	if r.Aged {
		flags |= recordAged
	}
	out := binary.AppendUvarint([]byte{flags}, r.Opened)
	for _, t := range [...]time.Time{r.Started, r.Ended, r.Closed} {
		out = binary.AppendVarint(out, t.Unix())
		out = binary.AppendUvarint(out, uint64(t.Nanosecond()))
	}
	out = appendBytes(out, r.Info)
	out = binary.AppendUvarint(out, uint64(len(r.Running)))
	for _, id := range r.Running {
		out = appendBytes(out, []byte(id))
	}
	return out
}

func appendBytes(out, value []byte) []byte {
	return append(binary.AppendUvarint(out, uint64(len(value))), value...)
}

// decodeRecord reads what encode made. The record keeps none of the row.
func decodeRecord(row []byte) (record, error) {
	if len(row) == 0 {
		return record{}, errRecord
	}
	in := rowReader{row: row[1:]}
	r := record{Erased: row[0]&recordErased != 0, Aged: row[0]&recordAged != 0, Opened: in.uvarint()}
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
