package erasure

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	notificationv1 "github.com/kikigaki/kikigaki/proto/kikigaki/notification/v1"
)

// Files of the log: records one behind the other, each of a length (the highest bit: with headers), a sequence, a time,
// the length of the subject, the subject, perhaps headers, the message and a checksum. What is erased or only says that
// something was removed has a mark in its sequence.
const (
	logFile     = ".blk"
	recordHead  = 22
	recordTail  = 8 // checksum
	withHeaders = 1 << 31
	erasedMark  = 1 << 63
	removedMark = 1 << 62
	maxRecord   = 32 << 20
)

// eachRecord calls fn for the records of a file of the log, one after the other. It stops at what is no record: the end
// of a file that is being written, or a file that is encrypted or compressed.
func eachRecord(path string, fn func(subject string, data []byte)) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	in := bufio.NewReaderSize(file, 1<<20)
	var body []byte
	for {
		var head [recordHead]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return ending(err)
		}
		length := binary.LittleEndian.Uint32(head[0:])
		sequence := binary.LittleEndian.Uint64(head[4:])
		named := int(binary.LittleEndian.Uint16(head[20:]))
		headers := length&withHeaders != 0
		rest := int(length&^withHeaders) - recordHead
		if rest < recordTail || rest > maxRecord || named > rest-recordTail {
			return nil
		}
		body = slices.Grow(body[:0], rest)[:rest]
		if _, err := io.ReadFull(in, body); err != nil {
			return ending(err)
		}
		if sequence&(erasedMark|removedMark) != 0 {
			continue
		}
		data := body[named : rest-recordTail]
		if headers && len(data) >= 4 {
			data = data[min(len(data), 4+int(binary.LittleEndian.Uint32(data))):]
		}
		fn(string(body[:named]), data)
	}
}

func ending(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// Pages of a view's file: an id, flags, the number of rows, how many pages follow that belong to it; then for each row
// flags, where its key begins, and the lengths of key and value. A small bucket lies within its row.
const (
	pageHead   = 16
	rowHead    = 16
	branchPage = 1
	leafPage   = 2
	bucketRow  = 1
	maxPages   = 1 << 14 // 64 MiB in one row is more than any view has
)

// eachRow calls fn for every row that can be made out in a view's file, in pages that are in use and in free ones.
func eachRow(path string, fn func(key, value []byte)) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	size := os.Getpagesize()
	page := make([]byte, size)
	for at := int64(0); ; at += int64(size) {
		n, err := file.ReadAt(page[:size], at)
		if n < size {
			return ending(err)
		}
		if id := binary.LittleEndian.Uint64(page); id != uint64(at)/uint64(size) {
			continue // the inside of a large page, or nothing
		}
		whole := page[:size]
		if more := binary.LittleEndian.Uint32(page[12:]); more > 0 && more < maxPages {
			whole = make([]byte, size*(1+int(more)))
			if n, err = file.ReadAt(whole, at); n < len(whole) && !errors.Is(err, io.EOF) {
				return err
			}
		}
		eachRowOf(whole, fn)
	}
}

func eachRowOf(page []byte, fn func(key, value []byte)) {
	if len(page) < pageHead {
		return
	}
	kind, rows := binary.LittleEndian.Uint16(page[8:]), int(binary.LittleEndian.Uint16(page[10:]))
	if kind != leafPage && kind != branchPage {
		return
	}
	for i := range rows {
		at := pageHead + i*rowHead
		if at+rowHead > len(page) {
			return
		}
		row := page[at:]
		if kind == branchPage { // where the key begins, its length, the page it leads to
			begin := uint64(at) + uint64(binary.LittleEndian.Uint32(row))
			if key := within(page, begin, uint64(binary.LittleEndian.Uint32(row[4:]))); key != nil {
				fn(key, nil)
			}
			continue
		}
		begin := uint64(at) + uint64(binary.LittleEndian.Uint32(row[4:]))
		named := uint64(binary.LittleEndian.Uint32(row[8:]))
		key := within(page, begin, named)
		value := within(page, begin+named, uint64(binary.LittleEndian.Uint32(row[12:])))
		switch {
		case key == nil:
		case binary.LittleEndian.Uint32(row)&bucketRow == 0:
			fn(key, value)
		case len(value) > pageHead && binary.LittleEndian.Uint64(value) == 0: // a bucket without a page of its own
			eachRowOf(value[pageHead:], fn)
		}
	}
}

func within(page []byte, begin, length uint64) []byte {
	if begin > uint64(len(page)) || begin+length > uint64(len(page)) || length == 0 {
		return nil
	}
	return page[begin : begin+length]
}

// placed is how long a time or a sequence is that stands before a call in a key.
const placed = 8

// callsIn are the calls that a row may say something of. By its key: tenant, 0, call, or that and 0 and more, or tenant,
// 0, something, call. By its value, where the key names an analysis or a sequence. Links of other calls name it and say
// nothing of it, and so do the rows that say that it is gone.
func callsIn(key, value []byte) (calls []Call) {
	tenant, rest, ok := bytes.Cut(key, []byte{0})
	if !ok || len(tenant) == 0 || len(rest) == 0 || isLink(value) {
		return nil
	}
	add := func(id []byte) { calls = append(calls, Call{Tenant: string(tenant), ID: string(id)}) }
	call, more, parted := bytes.Cut(rest, []byte{0})
	if parted && len(more) > 0 || !parted && !saysGone(value) {
		add(call)
	}
	if parted && len(more) > 0 {
		add(rest[bytes.LastIndexByte(rest, 0)+1:])
	}
	if len(rest) > placed && !isText(rest[:placed]) {
		add(rest[placed:])
	}
	if id := callNamedIn(value); id != "" {
		add([]byte(id))
	}
	return calls
}

// saysGone tells whether the row of a call is one that is kept of an erased one: a mark, a sequence, a record of that.
func saysGone(value []byte) bool {
	return len(value) <= placed || bytes.Contains(value, []byte(`"erased":true`))
}

// isText tells whether bytes are a part of an id; times and sequences hardly ever read like one.
func isText(b []byte) bool {
	return utf8.Valid(b) && !bytes.ContainsFunc(b, unicode.IsControl)
}

// callNamedIn is the call that an analysis or an outcome is about, which are kept under ids of their own.
func callNamedIn(value []byte) string {
	var record struct {
		Tenant string `json:"tenant"`
		Call   string `json:"call"`
	}
	if bytes.HasPrefix(value, []byte("{")) && json.Unmarshal(value, &record) == nil && record.Tenant != "" {
		return record.Call
	}
	n := &notificationv1.Notification{}
	if proto.Unmarshal(value, n) == nil && n.GetType() != "" && n.GetType() != "call.erased" {
		return n.GetCallId()
	}
	return ""
}

func isLink(value []byte) bool {
	switch string(value) {
	case "leg", "transfer", "consultation":
		return true
	}
	return false
}
