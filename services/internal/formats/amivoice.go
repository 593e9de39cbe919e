package formats

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/kikigaki/kikigaki/pkg/fault"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

// vendorAmivoice is what utterances from AmiVoice name.
const vendorAmivoice = "AmiVoice"

// detectAmivoice knows a result (of WebSocket or HTTP), a session of the asynchronous HTTP interface, a list or lines of
// results, and a log of the packets that the WebSocket interface sends.
func detectAmivoice(raw []byte) bool {
	switch {
	case len(raw) == 0:
		return false
	case raw[0] == '{':
		m := members(raw)
		if m == nil {
			m = members(firstObject(raw))
		}
		return isAmivoiceResult(m) || isAmivoiceSession(m)
	case raw[0] == '[':
		return isAmivoiceResult(members(firstObject(raw)))
	}
	results := 0
	for line := range bytes.Lines(raw) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		tag, body, ok := packet(string(line))
		if !ok {
			return false
		}
		if (tag == 'A' || tag == 'U') && strings.HasPrefix(body, "{") {
			return true
		}
		if results++; results > 50 {
			return false // fifty packets, and no result among them
		}
	}
	return false
}

func isAmivoiceResult(m map[string]byte) bool {
	answers := m["code"] == '"' && m["message"] == '"'
	return m["results"] == '[' && (answers || m["utteranceid"] == '"') || answers && m["text"] == '"'
}

// isAmivoiceSession knows the answer about a session, and the shorter one when a session is made.
func isAmivoiceSession(m map[string]byte) bool {
	return m["status"] == '"' && m["session_id"] == '"' || m["sessionid"] == '"' && (m["text"] == '"' || m["status"] == '"')
}

// packet takes a packet of the WebSocket interface apart: one letter and, for most, a body behind it.
func packet(line string) (tag byte, body string, ok bool) {
	if line == "" || !strings.ContainsRune("speSECUAG", rune(line[0])) {
		return 0, "", false
	}
	body = line[1:]
	// "S6200" has no space; "Answer" is no packet.
	if body != "" && body[0] != ' ' && body[0] != '{' && (body[0] < '0' || body[0] > '9') {
		return 0, "", false
	}
	return line[0], strings.TrimSpace(body), true
}

// firstObject is the first object in a document that is a list or lines of them; nil when there is none.
func firstObject(raw []byte) []byte {
	from := bytes.IndexByte(raw, '{')
	if from < 0 {
		return nil
	}
	depth := 0
	for i := from; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			if i = endOfString(raw, i); i < 0 {
				return nil
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return raw[from : i+1]
			}
		}
	}
	return nil
}

type amivoice struct {
	b *builder
	// seen are results by id and content: a log may hold the same packet twice.
	seen map[string]bool
}

// parseAmivoice reads results. The id of an utterance is utteranceid, which the WebSocket interface gives each of
// them; in a session of the asynchronous interface it is that of the upload, so utterances are known by their place. A
// result whose tokens have labels of several speakers becomes an utterance for each turn. A failure (a code) becomes a
// recognizer_lost utterance where it happened, except for "o": the recogniser heard something and is sure of no word.
func parseAmivoice(raw []byte, n *notes) (*Call, error) {
	a := &amivoice{b: build(n), seen: map[string]bool{}}
	switch {
	case len(raw) > 0 && raw[0] == '{' && members(raw) == nil && bytes.ContainsRune(raw, '\n'):
		lines, err := listed("lines", string(raw), n)
		if err != nil {
			return nil, err
		}
		a.finals(lines)
	case len(raw) > 0 && (raw[0] == '{' || raw[0] == '['):
		root, err := decode(raw, n)
		switch {
		case err != nil:
			return nil, err
		case root.is(list):
			a.finals(root)
		case isAmivoiceSession(members(raw)) || root.get("segments").there() || root.get("status").there():
			a.session(root)
		default:
			a.final(root)
		}
	default:
		if err := a.packets(string(raw), n); err != nil {
			return nil, err
		}
	}
	return a.b.done(), nil
}

// listed decodes lines that are a document each as one list; paths call it name.
func listed(name, lines string, n *notes) (value, error) {
	root := value{n: n, node: &node{kind: list}, base: name}
	d := &decoder{n: n}
	for line := range strings.Lines(lines) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		d.in, d.at, d.path = line, 0, []string{name + "[" + strconv.Itoa(len(root.node.items)) + "]"}
		root.node.items = append(root.node.items, node{})
		if err := d.document(&root.node.items[len(root.node.items)-1]); err != nil {
			return value{}, err
		}
	}
	n.roots = append(n.roots, root)
	return root, nil
}

// finals reads a list of results. Where results have an id or a code, those with neither are interim ones.
func (a *amivoice) finals(results value) {
	final := func(m value) bool { return m.get("code").there() || m.get("utteranceid").there() }
	some := false
	for _, m := range results.elements() {
		some = some || final(m)
	}
	for _, m := range results.elements() {
		if some && !final(m) && m.is(object) {
			m.ignored(noteInterim)
			continue
		}
		a.final(m)
	}
}

// packets reads a log of what the server sent, a packet a line. Only final results (A) have words to keep.
func (a *amivoice) packets(log string, n *notes) error {
	root := value{n: n, node: &node{kind: list}, base: "packets"}
	d := &decoder{n: n}
	var tags []byte
	results := 0
	for line := range strings.Lines(log) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		tag, body, ok := packet(line)
		if !ok {
			tag, body = 0, line
		}
		m := node{kind: text, text: body}
		if strings.HasPrefix(body, "{") {
			d.in, d.at, d.path = body, 0, []string{"packets[" + strconv.Itoa(len(tags)) + "]"}
			read := node{}
			switch err := d.document(&read); {
			case err == nil:
				m, results = read, results+1
			case fault.CodeOf(err) != "INVALID":
				return err
			}
		}
		tags, root.node.items = append(tags, tag), append(root.node.items, m)
	}
	if results == 0 {
		return unknown()
	}
	n.roots = append(n.roots, root)
	for i, m := range root.elements() {
		a.packet(tags[i], m)
	}
	return nil
}

func (a *amivoice) packet(tag byte, m value) {
	switch tag {
	case 'A':
		if !m.is(object) {
			a.lost(m, noteNotJSON)
			return
		}
		a.final(m)
	case 'U':
		m.ignored(noteInterim)
	case 'S', 'E': // where speech begins and ends: the result says it again
		m.ignored(noteRestated)
	case 'p', 'e': // nothing behind it is success, a message the end of the connection to the recogniser
		if m.raw() != "" {
			a.lost(m, noteFailed)
			return
		}
		m.ignored(noteContainer)
	default:
		m.ignored(noteContainer)
	}
}

// lost marks a place where words are missing.
func (a *amivoice) lost(m value, note string) {
	m.mapped(a.b.to("kind"), note)
	a.b.say(m.path(), &transcriptv1.NewUtterance{Kind: kindLost, Vendor: vendorAmivoice})
}
