package formats

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

// Limits of one JSON document. They bound memory: a value takes 64 bytes beside its text.
const (
	maxDepth  = 64
	maxValues = 1 << 20
)

type kind byte

const (
	null kind = iota
	boolean
	number
	text
	list
	object
)

// node is a value of a JSON document. Its text is part of the document wherever nothing was escaped.
type node struct {
	kind    kind
	claimed bool   // somebody said what became of it
	key     string // in the object around it
	text    string // of a string; the literal of a number, "true" or "false"
	items   []node // elements or members, in the document's order
}

// decode reads a JSON document (RFC 8259) strictly and keeps order, numbers as they are written, and what nobody asks
// for. INVALID for what is no JSON (NaN included), deeper than 64 or names a member twice, since two readers would
// take it for two different documents; BODY_TOO_LARGE beyond a million values. Half a surrogate becomes U+FFFD with a
// finding.
func decode(raw []byte, n *notes) (value, error) { return decodeAt(string(raw), "", n) }

// decodeAt decodes a document that is in another one; base is the path to it.
func decodeAt(doc, base string, n *notes) (value, error) {
	d := &decoder{in: doc, n: n, path: []string{base}}
	root := value{n: n, node: &node{}, base: base}
	if err := d.document(root.node); err != nil {
		return value{}, err
	}
	n.roots = append(n.roots, root)
	return root, nil
}

type decoder struct {
	in     string
	at     int
	values int
	n      *notes
	path   []string // to the document, for faults
	steps  []place  // and within it
}

// place is a step into a document: a member, or, without a name, an element.
type place struct {
	name  string
	index int // -1 for a member
}

// where is the path to what is being read.
func (d *decoder) where() string {
	var b strings.Builder
	b.WriteString(strings.Join(d.path, ""))
	for _, p := range d.steps {
		if p.index < 0 {
			b.WriteString(step(p.name))
		} else {
			b.WriteString("[" + strconv.Itoa(p.index) + "]")
		}
	}
	return strings.TrimPrefix(b.String(), ".")
}

func (d *decoder) document(root *node) error {
	if err := d.value(root, 0); err != nil {
		return err
	}
	d.space()
	if d.at < len(d.in) {
		return d.broken("more_than_one_value")
	}
	return nil
}

func (d *decoder) broken(reason string) error {
	return fault.New(fault.Invalid, "INVALID", fault.Field(d.where()),
		fault.Param("reason", reason), fault.Param("offset", strconv.Itoa(d.at)))
}

func (d *decoder) space() {
	for d.at < len(d.in) && strings.IndexByte(" \t\r\n", d.in[d.at]) >= 0 {
		d.at++
	}
}

// next is the byte after white space; 0 at the end.
func (d *decoder) next() byte {
	d.space()
	if d.at == len(d.in) {
		return 0
	}
	return d.in[d.at]
}

func (d *decoder) value(to *node, depth int) (err error) {
	if d.values++; d.values > maxValues {
		return tooLarge("BODY_TOO_LARGE", "", maxValues)
	}
	if depth > maxDepth {
		return d.broken("too_deep")
	}
	switch c := d.next(); {
	case c == '{':
		to.kind = object
		to.items, err = d.sequence('}', depth, d.member)
	case c == '[':
		to.kind = list
		to.items, err = d.sequence(']', depth, d.element)
	case c == '"':
		to.kind = text
		to.text, err = d.str()
	case c == '-' || c >= '0' && c <= '9':
		to.kind = number
		to.text, err = d.number()
	default:
		to.kind, to.text, err = d.word()
	}
	return err
}

func (d *decoder) word() (kind, string, error) {
	for _, w := range [...]struct {
		is   kind
		text string
	}{{null, "null"}, {boolean, "true"}, {boolean, "false"}} {
		if strings.HasPrefix(d.in[d.at:], w.text) {
			d.at += len(w.text)
			return w.is, w.text, nil
		}
	}
	return null, "", d.broken("not_json")
}

// sequence reads what is between brackets.
func (d *decoder) sequence(end byte, depth int, read func(to *node, i, depth int) error) ([]node, error) {
	var out []node
	d.at++
	if d.next() == end {
		d.at++
		return nil, nil
	}
	here := len(d.steps)
	for {
		out = append(out, node{})
		if err := read(&out[len(out)-1], len(out)-1, depth+1); err != nil {
			return nil, err
		}
		d.steps = d.steps[:here]
		c := d.next()
		d.at++
		if c == end {
			break
		}
		if c != ',' {
			d.at--
			return nil, d.broken("not_json")
		}
	}
	if end == '}' {
		if key, twice := repeated(out); twice {
			d.steps = append(d.steps, place{key, -1})
			return nil, d.broken("member_twice")
		}
	}
	return out, nil
}

func (d *decoder) member(to *node, _, depth int) (err error) {
	if d.next() != '"' {
		return d.broken("not_json")
	}
	if to.key, err = d.str(); err != nil {
		return err
	}
	if d.next() != ':' {
		return d.broken("not_json")
	}
	d.at++
	d.steps = append(d.steps, place{to.key, -1})
	return d.value(to, depth)
}

func (d *decoder) element(to *node, i, depth int) error {
	d.steps = append(d.steps, place{index: i})
	return d.value(to, depth)
}

// repeated tells which key an object has twice.
func repeated(members []node) (string, bool) {
	const few = 8 // up to here looking through beats a set
	var seen map[string]struct{}
	if len(members) > few {
		seen = make(map[string]struct{}, len(members))
	}
	for i, m := range members {
		if seen == nil {
			if slices.ContainsFunc(members[:i], func(o node) bool { return o.key == m.key }) {
				return m.key, true
			}
			continue
		}
		if _, twice := seen[m.key]; twice {
			return m.key, true
		}
		seen[m.key] = struct{}{}
	}
	return "", false
}

// number checks the grammar; what the number is worth is asked later, by whom it concerns.
func (d *decoder) number() (string, error) {
	start := d.at
	digits := func() bool {
		from := d.at
		for d.at < len(d.in) && d.in[d.at] >= '0' && d.in[d.at] <= '9' {
			d.at++
		}
		return d.at > from
	}
	is := func(set string) bool {
		if d.at < len(d.in) && strings.IndexByte(set, d.in[d.at]) >= 0 {
			d.at++
			return true
		}
		return false
	}
	is("-")
	ok := is("0") || digits()
	if ok && is(".") {
		ok = digits()
	}
	if ok && is("eE") {
		is("+-")
		ok = digits()
	}
	if !ok {
		return "", d.broken("not_json")
	}
	return d.in[start:d.at], nil
}

func (d *decoder) str() (string, error) {
	d.at++
	start := d.at
	for d.at < len(d.in) {
		switch c := d.in[d.at]; {
		case c == '"':
			d.at++
			return d.in[start : d.at-1], nil
		case c == '\\':
			return d.escaped(start)
		case c < ' ':
			return "", d.broken("control_character")
		}
		d.at++
	}
	return "", d.broken("ends_early")
}

// escaped goes on with a string at its first escape.
func (d *decoder) escaped(start int) (string, error) {
	var b strings.Builder
	b.WriteString(d.in[start:d.at])
	for d.at < len(d.in) {
		c := d.in[d.at]
		d.at++
		switch {
		case c == '"':
			return b.String(), nil
		case c < ' ':
			return "", d.broken("control_character")
		case c != '\\':
			b.WriteByte(c)
			continue
		}
		r, ok := d.escape()
		if !ok {
			return "", d.broken("not_json")
		}
		b.WriteRune(r)
	}
	return "", d.broken("ends_early")
}

func (d *decoder) escape() (rune, bool) {
	if d.at >= len(d.in) {
		return 0, false
	}
	c := d.in[d.at]
	d.at++
	if c == 'u' {
		return d.unicode()
	}
	i := strings.IndexByte(`"\/bfnrt`, c)
	if i < 0 {
		return 0, false
	}
	return rune("\"\\/\b\f\n\r\t"[i]), true
}

// unicode reads the four digits behind \u, and the second half of a pair.
func (d *decoder) unicode() (rune, bool) {
	r, ok := d.hex4(d.at)
	if !ok {
		return 0, false
	}
	d.at += 4
	if !utf16.IsSurrogate(r) {
		return r, true
	}
	if strings.HasPrefix(d.in[d.at:], `\u`) {
		if low, ok := d.hex4(d.at + 2); ok {
			if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
				d.at += 6
				return both, true
			}
		}
	}
	d.n.mapped(d.where(), "", noteHalfCharacter)
	return utf8.RuneError, true
}

func (d *decoder) hex4(at int) (rune, bool) {
	if at+4 > len(d.in) {
		return 0, false
	}
	v, err := strconv.ParseUint(d.in[at:at+4], 16, 32)
	return rune(v), err == nil
}

func tooLarge(code, field string, limit int) error {
	return fault.New(fault.TooLarge, code, fault.Field(field), fault.Param("limit", strconv.Itoa(limit)))
}
