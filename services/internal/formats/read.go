package formats

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"unicode/utf8"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

// Document is one call of a file, or why it is none.
type Document struct {
	// Line of a JSONL file, from 1; 1 for every other file.
	Line int
	// Format that it was read as; empty when it was not recognised.
	Format Format
	// Call is nil when Err is set.
	Call *Call
	// Findings tell what became of everything in the document, when they were asked for.
	Findings []Finding
	// Err is a fault that names the path in the document.
	Err error
}

// Options say how a file is read.
type Options struct {
	// Format is what the file is in; empty means that it is recognised.
	Format Format
	// CallID is the id of the call for formats that name none, 1 to 255 characters. Empty means an id made from the
	// content, "import-" and 20 hexadecimal digits, so that the same file is the same call.
	CallID string
	// Findings are collected; they cost time and memory.
	Findings bool
}

// Read reads the calls of a file one by one and never holds more than one document: at most 16 MiB, of a JSONL file
// 4 MiB a line. A file of several lines of which one of the first three is a dialogue or a vCon by itself is JSONL:
// each line is a document, and a bad one does not keep out the rest. Every other file is one document.
//
// A document is refused with FORMAT_UNKNOWN, FORMAT_UNSUPPORTED (of a known format, but encrypted or beyond what this
// version reads), BODY_TOO_LARGE, INVALID (not UTF-8, broken JSON), FIELD_REQUIRED, FIELD_INVALID,
// FIELD_TOO_LONG, UTTERANCE_TOO_LARGE or CALL_TOO_LARGE. The error of the sequence ends it: the reader failed.
func Read(r io.Reader, o Options) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		if _, known := find(o.Format); o.Format != "" && !known {
			yield(Document{Line: 1, Err: unknown()}, nil)
			return
		}
		if o.Format == JSONL {
			readLines(bufio.NewReaderSize(r, 64<<10), o, yield)
			return
		}
		head, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
		if (o.Format == "" || o.Format == VCon) && ofLines(head) {
			rest := io.MultiReader(bytes.NewReader(head), after(err, r))
			readLines(bufio.NewReaderSize(rest, 64<<10), o, yield)
			return
		}
		if err != nil {
			yield(Document{}, fmt.Errorf("%w: %w", errUnreadable, err))
			return
		}
		if len(head) > maxDocument {
			yield(Document{Line: 1, Format: o.Format, Err: tooLarge("BODY_TOO_LARGE", "", maxDocument)}, nil)
			return
		}
		yield(document(head, 1, o, table()), nil)
	}
}

// errUnreadable says that a file could not be read to its end.
var errUnreadable = errors.New("formats: unreadable")

// after is a reader that goes on with r, or fails as it did before.
func after(err error, r io.Reader) io.Reader {
	if err == nil {
		return r
	}
	return failing{err}
}

type failing struct{ err error }

// Read fails.
func (f failing) Read([]byte) (int, error) { return 0, f.err }

// ofLines tells whether a file is one document a line.
func ofLines(head []byte) bool {
	const look = 3
	lines, one := 0, false
	for len(head) > 0 && lines < look {
		line, rest, _ := bytes.Cut(head, []byte("\n"))
		head = rest
		if line = trimmed(line); len(line) > 0 {
			lines++
			one = one || recognised(line, lineFormats()) != ""
		}
	}
	return one && lines > 1
}

// lineFormats are those that a line of a JSONL file may be in.
func lineFormats() []entry {
	var out []entry
	for _, e := range table() {
		if e.Name == VCon || e.Name == JSONL {
			out = append(out, e)
		}
	}
	return out
}

func readLines(lines *bufio.Reader, o Options, yield func(Document, error) bool) {
	o.CallID = "" // it cannot be the id of several
	for n := 1; ; n++ {
		line, err := readLine(lines, maxLine)
		switch {
		case errors.Is(err, io.EOF):
			return
		case errors.Is(err, errUnreadable):
			yield(Document{}, err)
			return
		case err != nil:
			if !yield(Document{Line: n, Err: err}, nil) {
				return
			}
			continue
		}
		if line = trimmed(line); len(line) == 0 {
			continue
		}
		if !yield(document(line, n, o, lineFormats()), nil) {
			return
		}
	}
}

// readLine reads a line; io.EOF behind the last. Of a line of more than most bytes the rest is passed over, and it is
// BODY_TOO_LARGE.
func readLine(r *bufio.Reader, most int) ([]byte, error) {
	var line []byte
	size := 0
	for {
		piece, err := r.ReadSlice('\n')
		if size += len(piece); size <= most {
			line = append(line, piece...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return nil, fmt.Errorf("%w: %w", errUnreadable, err)
		case err != nil && size == 0:
			return nil, io.EOF
		case size > most:
			return nil, tooLarge("BODY_TOO_LARGE", "", most)
		}
		return line, nil
	}
}

// document reads one document, in the named format or in the first of some that knows it.
func document(raw []byte, line int, o Options, among []entry) Document {
	out := Document{Line: line, Format: o.Format}
	n := &notes{off: !o.Findings, line: line}
	raw = trimmed(raw)
	if !utf8.Valid(raw) {
		out.Err = fault.New(fault.Invalid, "INVALID", fault.Param("reason", "not UTF-8"))
		out.Findings = n.findings(out.Err)
		return out
	}
	if f := recognised(raw, among); o.Format == "" || o.Format == JSONL && f != "" {
		out.Format = f
	}
	out.Call, out.Err = parse(raw, out.Format, o, n)
	out.Findings = n.findings(out.Err)
	return out
}

func parse(raw []byte, f Format, o Options, n *notes) (*Call, error) {
	e, ok := find(f)
	if !ok {
		return nil, unknown()
	}
	call, err := e.parse(raw, n)
	if err != nil {
		return nil, err
	}
	if n.rest(); n.err != nil {
		return nil, n.err
	}
	if call.ID == "" {
		if call.ID = o.CallID; call.ID == "" {
			sum := sha256.Sum256(raw)
			call.ID = "import-" + hex.EncodeToString(sum[:])[:20]
		}
	}
	if err := check(call); err != nil {
		return nil, err
	}
	return call, nil
}

// recognised is the first format that knows a document; empty for none.
func recognised(raw []byte, among []entry) Format {
	for _, e := range among {
		if e.detect(raw) {
			return e.Name
		}
	}
	return ""
}

// trimmed is a document without the byte order mark and the white space around it.
func trimmed(raw []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(raw, []byte("\ufeff")))
}

func unknown() error { return fault.New(fault.Unprocessable, "FORMAT_UNKNOWN") }
