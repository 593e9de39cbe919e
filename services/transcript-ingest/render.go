package ingest

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	"github.com/kikigaki/kikigaki/proto/subject"
)

// voiceBucket holds what the compatible API answers about finished calls: tenant, 0, call, 0, form -> tag and body.
// Nothing is encoded when somebody asks.
const voiceBucket = "voicelogs"

// form is which of its answers the compatible API gives.
type form byte

const (
	formDetailed   form = 'd'
	formSimple     form = 's'
	formDetailedGz form = 'D'
	formSimpleGz   form = 'S'
)

// gz is the same form, packed.
func (f form) gz() form {
	if f == formDetailed {
		return formDetailedGz
	}
	return formSimpleGz
}

// contentType of an answer. The manual does not say; the simple form is read by people.
func (f form) contentType() string {
	if f == formDetailed {
		return "application/json"
	}
	return "text/plain; charset=utf-8"
}

func (r ref) voiceKey(f form) []byte { return append(r.prefix(), byte(f)) }

// maxRendered bounds how much of a call, in bytes as the view stores its entries, is rendered when it is written: each
// late word renders the call again, and whoever applies events must not be held up. Longer calls, of some ten hours, are
// rendered when they are read.
const maxRendered = 4 << 20

// tagSize is how long the tag before a rendered body is.
const tagSize = 32

// tagOf is what tells two bodies apart.
func tagOf(body []byte) []byte {
	sum := sha256.Sum256(body)
	return hex.AppendEncode(nil, sum[:tagSize/2])
}

// keepRendered keeps what is rendered of a call in step with the rest of the view. What lies there is a function of
// that alone, whatever came first: all forms of a call that is open to readers and whose words are all in parts, and
// nothing of any other.
func keepRendered(tx *view.Tx, r ref, noun string, rest []string, m stream.Message) error {
	if !mayRender(tx, r, noun, rest, m) {
		return nil
	}
	rec, err := readRecord(tx, r)
	if err != nil {
		return err
	}
	if rec.Opened == 0 || rec.Erased || partsErased(tx, r) || !folded(tx, r) || tooLong(tx, r) {
		return dropRendered(tx, r)
	}
	lines, err := readLines(tx, r, rec)
	if err != nil || len(lines) == 0 {
		return errors.Join(err, dropRendered(tx, r))
	}
	if err := putRendered(tx, r, formDetailed, detailedForm(nil, r.call, lines)); err != nil {
		return err
	}
	return putRendered(tx, r, formSimple, simpleForm(nil, lines))
}

// mayRender tells whether a message that was applied can have changed what is rendered. Most cannot: analyses, and the
// words of a call in progress.
func mayRender(tx *view.Tx, r ref, noun string, rest []string, m stream.Message) bool {
	switch noun {
	case subject.NounCall:
		kind := rest[len(rest)-1]
		return kind == subject.KindOpened || kind == subject.KindErased
	case subject.NounLive:
		return seal(tx, r) == m.Sequence
	}
	return noun == subject.NounTranscript
}

func tooLong(tx *view.Tx, r ref) bool {
	size := 0
	for _, value := range tx.Scan(partBucket, r.prefix(), nil) {
		size += len(value)
	}
	return size > maxRendered
}

// readLines are a call's words as the compatible API shows them.
func readLines(tx *view.Tx, r ref, rec record) ([]voiceLine, error) {
	c, err := readCounts(tx, r)
	if err != nil {
		return nil, err
	}
	list, err := firstEntries(tx, r, int(c.revision()))
	return voiceLines(rec.Opened, list), err
}

// putRendered stores a body as it is and packed; an empty one is none.
func putRendered(tx *view.Tx, r ref, f form, body []byte) error {
	if len(body) == 0 {
		return dropForms(tx, r, f, f.gz())
	}
	tag := tagOf(body)
	packed, err := pack(body)
	if err != nil {
		return err
	}
	if err := tx.Put(voiceBucket, r.voiceKey(f), append(tag, body...)); err != nil {
		return err
	}
	return tx.Put(voiceBucket, r.voiceKey(f.gz()), append(tag[:tagSize:tagSize], packed...))
}

// pack compresses quickly: words are rendered while others wait to be applied.
func pack(body []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func dropRendered(tx *view.Tx, r ref) error {
	return dropForms(tx, r, formDetailed, formDetailedGz, formSimple, formSimpleGz)
}

func dropForms(tx *view.Tx, r ref, forms ...form) error {
	for _, f := range forms {
		if err := tx.Delete(voiceBucket, r.voiceKey(f)); err != nil {
			return err
		}
	}
	return nil
}

// spoken is an answer of the compatible API.
type spoken struct {
	form   form
	tag    string // of the body before it was packed; "" when there is nothing to answer with
	body   []byte
	packed bool
}

// readSpoken reads the answer about a call into a buffer, packed if that is there and welcome; the zero answer when
// there is no such call, it was erased, or nothing was said. Words of a call in progress are encoded as they are now.
func readSpoken(tx *view.Tx, r ref, f form, packed bool, buffer []byte) (spoken, error) {
	if packed {
		if value := tx.Get(voiceBucket, r.voiceKey(f.gz())); len(value) > tagSize {
			return spoken{f, string(value[:tagSize]), append(buffer, value[tagSize:]...), true}, nil
		}
	}
	if value := tx.Get(voiceBucket, r.voiceKey(f)); len(value) > tagSize {
		return spoken{f, string(value[:tagSize]), append(buffer, value[tagSize:]...), false}, nil
	}
	rec, err := readRecord(tx, r)
	if err != nil || !rec.listed() || partsErased(tx, r) {
		return spoken{}, err
	}
	lines, err := readLines(tx, r, rec)
	if err != nil || len(lines) == 0 {
		return spoken{}, err
	}
	if f == formSimple {
		buffer = simpleForm(buffer, lines)
	} else {
		buffer = detailedForm(buffer, r.call, lines)
	}
	if len(buffer) == 0 {
		return spoken{}, nil
	}
	return spoken{f, string(tagOf(buffer)), buffer, false}, nil
}
