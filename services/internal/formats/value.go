package formats

import (
	"iter"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

// value is a place in a JSON document: what is there, if anything, and the path to it. Whoever reads a value claims it,
// with the finding that says what became of it; what nobody claimed is told as ignored.
type value struct {
	n     *notes
	node  *node  // nil: the member is not there
	base  string // of a document: where it is in the one around it
	up    *value
	name  string // in an object
	index int    // in a list
	inSeq bool
}

// get is a member of an object; of anything else, a member that is not there.
func (v value) get(name string) value {
	out := value{n: v.n, up: &v, name: name}
	if v.is(object) {
		for i := range v.node.items {
			if v.node.items[i].key == name {
				out.node = &v.node.items[i]
			}
		}
	}
	return out
}

// either is the first of some members that is there, for names that changed; else the first.
func (v value) either(names ...string) value {
	for _, name := range names {
		if m := v.get(name); m.there() {
			return m
		}
	}
	return v.get(names[0])
}

// elements are those of a list; of anything else there are none.
func (v value) elements() iter.Seq2[int, value] {
	return func(yield func(int, value) bool) {
		if !v.is(list) {
			return
		}
		for i := range v.node.items {
			if !yield(i, value{n: v.n, node: &v.node.items[i], up: &v, index: i, inSeq: true}) {
				return
			}
		}
	}
}

// members are those of an object, in the document's order; of anything else there are none.
func (v value) members() iter.Seq2[string, value] {
	return func(yield func(string, value) bool) {
		if !v.is(object) {
			return
		}
		for i := range v.node.items {
			m := &v.node.items[i]
			if !yield(m.key, value{n: v.n, node: m, up: &v, name: m.key}) {
				return
			}
		}
	}
}

// is tells the kind; a member that is not there has none.
func (v value) is(k kind) bool { return v.node != nil && v.node.kind == k }

// there tells whether a member is there and not null.
func (v value) there() bool { return v.node != nil && v.node.kind != null }

// size is how many elements or members there are.
func (v value) size() int {
	if v.node == nil {
		return 0
	}
	return len(v.node.items)
}

// path is where the value is in the document, as parties[0].tel; empty for the document itself.
func (v value) path() string {
	switch {
	case v.up == nil:
		return v.base
	case v.inSeq:
		return v.up.path() + "[" + strconv.Itoa(v.index) + "]"
	default:
		return strings.TrimPrefix(v.up.path()+step(v.name), ".")
	}
}

// step is the way to a member. A name that would not read well in a path is quoted, and cut when long.
func step(name string) string {
	const most = 64
	plain := func(r rune) bool {
		return r < utf8.RuneSelf && (r == '_' || r == '-' || unicode.IsLetter(r) || unicode.IsDigit(r))
	}
	if name != "" && len(name) <= most && strings.IndexFunc(name, func(r rune) bool { return !plain(r) }) < 0 {
		return "." + name
	}
	if runes := []rune(name); len(runes) > most {
		name = string(runes[:most])
	}
	return "[" + strconv.Quote(name) + "]"
}

// noPlace claims members that are known and that no field of ours takes.
func (v value) noPlace(names ...string) {
	for _, name := range names {
		if v.size() == 0 {
			return
		}
		if m := v.get(name); m.there() && !touched(m.node) {
			m.ignored(noteNoPlace)
		}
	}
}

// understood claims a value, with all that is in it.
func (v value) understood(to string) { v.claim(func() { v.n.understood(v.path(), to) }) }

// mapped claims a value that was changed to fit.
func (v value) mapped(to, note string) { v.claim(func() { v.n.mapped(v.path(), to, note) }) }

// ignored claims a value that nothing here takes.
func (v value) ignored(note string) { v.claim(func() { v.n.ignored(v.path(), note) }) }

// claim notes the first that is said of a value; that stands.
func (v value) claim(say func()) {
	if v.node == nil || v.node.claimed {
		return
	}
	v.node.claimed = true
	if !v.n.off {
		say()
	}
}

// fail refuses the document for this value.
func (v value) fail(code string, opts ...fault.Option) {
	if v.node != nil {
		v.node.claimed = true // the refusal says it all
	}
	v.n.fail(fault.New(fault.Unprocessable, code, append(opts, fault.Field(v.path()))...))
}

// wrong refuses the document because a value is not of the kind it must be.
func (v value) wrong(want string) { v.fail("FIELD_INVALID", fault.Param("allowed", want)) }

// raw is the text of a string, or the literal of a number or a boolean, and claims nothing.
func (v value) raw() string {
	if v.node == nil || v.is(null) {
		return ""
	}
	return v.node.text
}

// str is the text of a string, claimed for one of our fields. A document with anything else there is refused; what is
// not there is empty.
func (v value) str(to string) string {
	switch {
	case !v.there():
		return ""
	case !v.is(text):
		v.wrong("string")
		return ""
	}
	v.understood(to)
	return v.node.text
}

// line is the text of a string or number that is to be one of our short fields: control characters become spaces and
// what is longer than 255 characters is cut, with a finding. Anything else there is ignored: no call is lost for a
// detail.
func (v value) line(to string) string {
	switch {
	case !v.there():
		return ""
	case v.is(list) || v.is(object):
		v.ignored(noteWrongKind)
		return ""
	}
	out, note := oneLine(v.node.text)
	switch {
	case note != "":
		v.mapped(to, note)
	case !v.is(text):
		v.mapped(to, noteAsText)
	default:
		v.understood(to)
	}
	return out
}

// float is a number, claimed for one of our fields. A document with anything else there, or with a number beyond least
// and most, is refused; nil is not there.
func (v value) float(to string, least, most float64) *float64 {
	if !v.there() {
		return nil
	}
	f, err := strconv.ParseFloat(v.raw(), 64)
	if !v.is(number) || err != nil || !(f >= least && f <= most) {
		v.wrong("number " + strconv.FormatFloat(least, 'g', -1, 64) + ".." + strconv.FormatFloat(most, 'g', -1, 64))
		return nil
	}
	v.understood(to)
	return &f
}

// amount is a number of seconds, claimed for one of our fields with a note if there is something to say, also where it
// is written as a text. Anything else, or less than least, is ignored: no call is lost for a number. nil is not there.
func (v value) amount(to, note string, least float64) *float64 {
	if !v.there() {
		return nil
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(v.raw()), 64)
	switch {
	case !v.is(number) && !v.is(text) || err != nil || !(f >= least && f <= maxSeconds):
		v.ignored(noteNoNumber)
		return nil
	case note != "":
		v.mapped(to, note)
	case v.is(text):
		v.mapped(to, noteTextAsNumber)
	default:
		v.understood(to)
	}
	return &f
}

// maxSeconds bounds times relative to a call's start: thirty years. They may be negative and run backwards.
const maxSeconds = 1e9

// seconds is a time relative to the call's start.
func (v value) seconds(to string) *float64 { return v.float(to, -maxSeconds, maxSeconds) }

// integer is a whole number, as float is a number; 0 is not there.
func (v value) integer(to string, least, most int64) int64 {
	if !v.there() {
		return 0
	}
	i, err := strconv.ParseInt(v.raw(), 10, 64)
	if !v.is(number) || err != nil || i < least || i > most {
		v.wrong("integer " + strconv.FormatInt(least, 10) + ".." + strconv.FormatInt(most, 10))
		return 0
	}
	v.understood(to)
	return i
}

// instant is a point in time: RFC 3339, the same without a zone (taken for UTC, with a finding), or a number of
// seconds since 1970. What cannot be one is ignored; zero is not there.
func (v value) instant(to string) time.Time {
	if !v.there() {
		return time.Time{}
	}
	t, note := instant(v.raw(), v.is(number))
	switch {
	case t.IsZero():
		v.ignored(noteNoTime)
	case note != "":
		v.mapped(to, note)
	default:
		v.understood(to)
	}
	return t
}

// instant reads a point in time between 1970 and 2200; the note says what was done to it.
func instant(s string, isNumber bool) (t time.Time, note string) {
	if isNumber {
		sec, err := strconv.ParseFloat(s, 64)
		if err != nil || !(sec >= 0 && sec < 8e9) {
			return time.Time{}, ""
		}
		whole, part := math.Modf(sec)
		return usable(time.Unix(int64(whole), int64(part*1e9))), noteEpoch
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return usable(t), ""
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return usable(t), noteNoZone
		}
		if t, err := time.Parse(layout+"-0700", s); err == nil {
			return usable(t), noteZoneForm
		}
		if t, err := time.Parse(layout+"-07:00", s); err == nil {
			return usable(t), noteZoneForm
		}
	}
	return time.Time{}, ""
}

func usable(t time.Time) time.Time {
	if t = t.UTC(); t.Year() < 1970 || t.Year() > 2200 {
		return time.Time{}
	}
	return t
}
