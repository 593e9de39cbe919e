package erasure

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
)

// Finding is a file that still holds something of an erased call.
type Finding struct {
	// File, relative to the directory that was looked at.
	File string
	// Tenant and Call that were erased.
	Tenant, Call string
	// What it holds of it: the subject of a message, or "view" for a row of a view.
	What string
}

// Report is what a verification has seen.
type Report struct {
	// Calls that were erased, as their tombstones in the files say.
	Calls int
	// Files that were looked at, and their Bytes.
	Files int
	Bytes int64
	// Left is what still holds something, each file, call and thing once, in order.
	Left []Finding
}

// Verify looks for what is left of erased calls in every file of a directory: in the records of the log's files, also
// those that were removed and not overwritten, and in the rows of views, also those that lie in free pages or in views that
// were put aside. In what publishers sent it looks for the ids of calls. The tombstones say which calls were erased; they and
// what bears no word of a call (the server's own index
// of subjects) are passed over. It needs nobody to be running and disturbs nobody who is; a file that is replaced while it is
// looked at is seen as it was. It holds one record at a time, and one line a finding. The error is the disk's or the
// context's.
func Verify(ctx context.Context, dir string) (Report, error) {
	v := &verifier{dir: dir, erased: map[Call]bool{}, seen: map[Finding]bool{}}
	for _, look := range []func(path string) error{v.learn, v.look} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			switch {
			case os.IsNotExist(err):
				return nil // replaced meanwhile
			case err != nil:
				return err
			case d.IsDir() || !d.Type().IsRegular():
				return ctx.Err()
			}
			if err := look(path); err != nil && !os.IsNotExist(err) {
				return err
			}
			return ctx.Err()
		})
		if err != nil {
			return v.out, err
		}
	}
	v.out.Calls = len(v.erased)
	for f := range v.seen {
		v.out.Left = append(v.out.Left, f)
	}
	slices.SortFunc(v.out.Left, func(a, b Finding) int {
		return strings.Compare(a.File+"\x00"+a.Tenant+"\x00"+a.Call+"\x00"+a.What, b.File+"\x00"+b.Tenant+"\x00"+b.Call+"\x00"+b.What)
	})
	return v.out, nil
}

type verifier struct {
	dir    string
	out    Report
	erased map[Call]bool
	seen   map[Finding]bool
}

func (v *verifier) found(path string, c Call, what string) {
	name, err := filepath.Rel(v.dir, path)
	if err != nil {
		name = path
	}
	v.seen[Finding{name, c.Tenant, c.ID, what}] = true
}

// learn finds the tombstones of calls in a file of the log.
func (v *verifier) learn(path string) error {
	if filepath.Ext(path) != logFile {
		return nil
	}
	return eachRecord(path, func(at string, _ []byte) {
		if noun, tenant, rest, ok := subject.Parse(at); ok && noun == subject.NounCall && len(rest) == 3 &&
			rest[1] == subject.CallScope && rest[2] == subject.KindErased {
			v.erased[Call{Tenant: tenant, ID: rest[0]}] = true
		}
	})
}

// look looks for what is left in a file.
func (v *verifier) look(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	v.out.Files++
	v.out.Bytes += info.Size()
	switch {
	case filepath.Ext(path) == logFile:
		return eachRecord(path, func(at string, data []byte) { v.record(path, at, data) })
	case filepath.Base(path) == "index.db" || len(v.erased) == 0:
		return nil
	case strings.Contains(filepath.Base(path), ".db"):
		return eachRow(path, func(key, value []byte) {
			for _, c := range callsIn(key, value) {
				if v.erased[c] {
					v.found(path, c, "view")
				}
			}
		})
	}
	return v.raw(path)
}

// record looks at one message. One without a subject is a cluster's own, and messages are in it.
func (v *verifier) record(path, at string, data []byte) {
	if at == "" {
		v.subjects(path, data)
		return
	}
	if noun, tenant, _, ok := subject.Parse(at); ok && noun == subject.NounInbox {
		eachText(data, func(text []byte) {
			if c := (Call{Tenant: tenant, ID: string(text)}); v.erased[c] {
				v.found(path, c, at)
			}
		})
	}
	if c, ok := callOf(at); ok && v.erased[c] && !stays(at, data) {
		v.found(path, c, at)
	}
}

// eachText yields what may be a text in the event of a publisher: what stands between quotes, as in JSON, or behind its
// length, as in protobuf. What JSON writes with escapes comes as it is written.
func eachText(data []byte, yield func([]byte)) {
	const most = 4 * 255 // bytes of an id
	for i, b := range data {
		rest := data[i+1:]
		if b == '"' {
			if n := bytes.IndexByte(rest, '"'); n > 0 && n <= most {
				yield(rest[:n])
			}
		}
		if n, size := binary.Uvarint(data[i:]); size > 0 && n > 0 && n <= most && int(n) <= len(data)-i-size {
			yield(data[i+size:][:n])
		}
	}
}

// subjects looks for subjects anywhere in some bytes.
func (v *verifier) subjects(path string, data []byte) {
	for {
		i := bytes.Index(data, []byte(root))
		if i < 0 {
			return
		}
		data = data[i:]
		n := len(root)
		for n < len(data) && inSubject(data[n]) {
			n++
		}
		at := string(data[:n])
		if c, ok := callOf(at); ok && v.erased[c] && !stays(at, nil) {
			v.found(path, c, at)
		}
		data = data[n:]
	}
}

// raw looks for subjects in a file of another kind, a piece at a time.
func (v *verifier) raw(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	const overlap = 2 << 10 // more than a subject of ours
	buf := make([]byte, 0, 1<<20)
	for {
		n, err := io.ReadFull(file, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		v.subjects(path, buf)
		if err != nil {
			return ending(err)
		}
		buf = buf[:copy(buf, buf[len(buf)-overlap:])]
	}
}

// root is what our subjects begin with.
const root = "kikigaki."

func inSubject(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_-~.", c) >= 0
}

// callOf is the call that a subject is about.
func callOf(at string) (Call, bool) {
	noun, tenant, rest, ok := subject.Parse(at)
	if !ok {
		return Call{}, false
	}
	switch noun {
	case subject.NounCall, subject.NounLive, subject.NounTranscript:
		return Call{Tenant: tenant, ID: rest[0]}, true
	case subject.NounDead:
		return Call{Tenant: tenant, ID: rest[len(rest)-1]}, true
	}
	return Call{}, false
}

// stays tells whether a message of an erased call is one that is kept: a tombstone, or the seal of its live words. Where
// the message itself cannot be read, live words are taken for the seal.
func stays(at string, data []byte) bool {
	noun, _, rest, _ := subject.Parse(at)
	switch noun {
	case subject.NounCall:
		return len(rest) == 3 && (rest[2] == subject.KindErased || rest[2] == subject.KindDeleted)
	case subject.NounTranscript:
		return len(rest) == 2 && rest[1] == subject.CallScope
	case subject.NounLive:
		e := &eventv1.LiveEvent{}
		return data == nil || proto.Unmarshal(data, e) == nil && e.GetSealed() != nil
	}
	return false
}
