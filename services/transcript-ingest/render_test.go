package ingest

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	"github.com/kikigaki/kikigaki/proto/subject"
)

// Whatever came first: after each message what is rendered is what the rest of the view says, all forms of a call that
// is open to readers and folded, nothing of another, and who asks gets what a reference says.
func TestWhatIsRenderedIsWhatTheViewSays(t *testing.T) {
	t.Parallel()
	v, err := view.Open(view.Config{Path: filepath.Join(t.TempDir(), "view.db"), Buckets: buckets(), Format: viewFormat})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = v.Close() }()
	rendered := 0
	rapid.Check(t, func(rt *rapid.T) {
		h := drawHistory(rt)
		empty(rt, v)
		left := [][]stream.Message{h.calls, h.live, h.parts}
		for {
			left = slices.DeleteFunc(left, func(s []stream.Message) bool { return len(s) == 0 })
			if len(left) == 0 {
				return
			}
			i := rapid.IntRange(0, len(left)-1).Draw(rt, "stream")
			m := left[i][0]
			left[i] = left[i][1:]
			err := v.Apply(view.Mark{Stream: m.Stream, Sequence: m.Sequence}, nil, func(tx *view.Tx) error { return apply(tx, m) })
			if err != nil {
				rt.Fatal(err)
			}
			_, tenant, rest, _ := subject.Parse(m.Subject)
			if err := v.Read(func(tx *view.Tx) error { rendered += renderedRight(rt, tx, ref{tenant, rest[0]}); return nil }); err != nil {
				rt.Fatal(err)
			}
		}
	})
	if rendered == 0 {
		t.Error("nothing was ever rendered")
	}
}

// renderedRight checks all that a view answers about a call, and counts what is rendered of it.
func renderedRight(rt *rapid.T, tx *view.Tx, r ref) (rendered int) {
	rec, err := readRecord(tx, r)
	if err != nil {
		rt.Fatal(err)
	}
	entries, err := firstEntries(tx, r, 1000)
	if err != nil {
		rt.Fatal(err)
	}
	detailed, simple := "", ""
	if rec.listed() && len(entries) > 0 && !partsErased(tx, r) {
		detailed, simple = reference(rec.Opened, r.call, entries)
	}
	for f, want := range map[form]string{formDetailed: detailed, formSimple: simple} {
		for _, packed := range []bool{false, true} {
			got, err := readSpoken(tx, r, f, packed, nil)
			body := unpack(rt, got)
			if err != nil || string(body) != want || got.tag != tag(body) {
				rt.Fatalf("%v %c packed %t: %v, tag %s\n%s\nwant\n%s", r, f, packed, err, got.tag, body, want)
			}
		}
		whole := rec.listed() && folded(tx, r) && !partsErased(tx, r) && want != ""
		if value := tx.Get(voiceBucket, r.voiceKey(f)); (value != nil) != whole || whole != (tx.Get(voiceBucket, r.voiceKey(f.gz())) != nil) {
			rt.Fatalf("%v %c: rendered %q, finished %t", r, f, value, whole)
		}
		if whole {
			rendered++
		}
	}
	return rendered
}

func unpack(rt *rapid.T, s spoken) []byte {
	if !s.packed {
		return s.body
	}
	r, err := gzip.NewReader(bytes.NewReader(s.body))
	if err != nil {
		rt.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		rt.Fatal(err)
	}
	return out
}

func tag(body []byte) string {
	if len(body) == 0 {
		return ""
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:16])
}

// Packed bodies lie in views, and views of one format are compared: when the compressor of another Go version writes
// other bytes, this fails, and the format has to change with the version.
func TestThePackerIsThatOfTheViewsFormat(t *testing.T) {
	t.Parallel()
	packed, err := pack([]byte(strings.Repeat("お客様 : もしもし。オペレータ : お電話ありがとうございます。0123456789\n", 100)))
	if err != nil {
		t.Fatal(err)
	}
	if got := tag(packed); got != "5d1966151df192dcc00e6d75d8a522a1" {
		t.Errorf("format %s with a packer that gives %s", viewFormat, got)
	}
}
