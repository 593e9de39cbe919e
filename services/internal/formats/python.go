package formats

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// pythonAt reads what Python prints of its dictionaries and lists, which some producers put where JSON belongs. It
// reads literals alone and evaluates nothing: dictionaries, lists, tuples, strings, numbers, True, False and None. base
// is the path to it.
func pythonAt(doc, base string, n *notes) (value, error) {
	d := &python{decoder{in: doc, n: n, path: []string{base}}}
	root := value{n: n, node: &node{}, base: base}
	if err := d.value(root.node, 0); err != nil {
		return value{}, err
	}
	if d.next() != 0 || d.at < len(d.in) {
		return value{}, d.broken("more_than_one_value")
	}
	n.roots = append(n.roots, root)
	return root, nil
}

type python struct{ decoder }

func (d *python) value(to *node, depth int) (err error) {
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
	case c == '(':
		to.kind = list
		to.items, err = d.sequence(')', depth, d.element)
	case c == '\'' || c == '"':
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

func (d *python) word() (kind, string, error) {
	for _, w := range [...]struct {
		is         kind
		said, text string
	}{{null, "None", "null"}, {boolean, "True", "true"}, {boolean, "False", "false"}, {null, "nan", "null"}, {null, "inf", "null"}} {
		if strings.HasPrefix(d.in[d.at:], w.said) {
			d.at += len(w.said)
			return w.is, w.text, nil
		}
	}
	return null, "", d.broken("not_python")
}

func (d *python) sequence(end byte, depth int, read func(to *node, i, depth int) error) ([]node, error) {
	var out []node
	d.at++
	for d.next() != end {
		out = append(out, node{})
		if err := read(&out[len(out)-1], len(out)-1, depth+1); err != nil {
			return nil, err
		}
		if d.next() == ',' {
			d.at++ // also behind the last
		} else if d.next() != end {
			return nil, d.broken("not_python")
		}
	}
	d.at++
	if _, twice := repeated(out); twice && end == '}' {
		return nil, d.broken("member_twice")
	}
	return out, nil
}

func (d *python) member(to *node, _, depth int) (err error) {
	var key node
	if err := d.value(&key, depth); err != nil {
		return err
	}
	if key.kind == list || key.kind == object || d.next() != ':' {
		return d.broken("not_python")
	}
	d.at++
	err = d.value(to, depth)
	to.key = key.text
	return err
}

func (d *python) element(to *node, _, depth int) error { return d.value(to, depth) }

func (d *python) str() (string, error) {
	quote := d.in[d.at]
	d.at++
	var b strings.Builder
	for d.at < len(d.in) {
		c := d.in[d.at]
		d.at++
		switch c {
		case quote:
			return b.String(), nil
		case '\\':
			if !d.escape(&b) {
				return "", d.broken("not_python")
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", d.broken("ends_early")
}

// escape reads what stands behind a backslash. What Python does not know stays as it is, backslash included.
func (d *python) escape(b *strings.Builder) bool {
	if d.at >= len(d.in) {
		return false
	}
	c := d.in[d.at]
	d.at++
	if i := strings.IndexByte(`\'"abfnrtv`, c); i >= 0 {
		b.WriteByte("\\'\"\a\b\f\n\r\t\v"[i])
		return true
	}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	if digits == 0 {
		b.WriteByte('\\')
		b.WriteByte(c)
		return true
	}
	if d.at+digits > len(d.in) {
		return false
	}
	code, err := strconv.ParseUint(d.in[d.at:d.at+digits], 16, 32)
	if err != nil || code > utf8.MaxRune {
		return false
	}
	d.at += digits
	b.WriteRune(rune(code)) // half a surrogate becomes U+FFFD
	return true
}
