package formats

import (
	"strconv"
	"strings"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

// Outcome is what became of a member of a file.
type Outcome string

// Everything in a file has one of these outcomes.
const (
	// Understood: it means the same here.
	Understood Outcome = "understood"
	// Mapped: it was changed to fit; the note says how.
	Mapped Outcome = "mapped"
	// Ignored: nothing here takes it; the note says why.
	Ignored Outcome = "ignored"
	// Refused: because of it the document is not taken; the note is the fault's code.
	Refused Outcome = "refused"
)

// Finding is what became of one member of a file, or of the same member of several elements of a list.
type Finding struct {
	// Line of a JSONL file, from 1; 1 for every other file.
	Line int
	// Path of the member, as parties[0].tel; of several elements utterances[*].text.
	Path string
	// Outcome tells whether it arrived.
	Outcome Outcome
	// To is our field, as call.customerNumber or utterances[*].text; empty when nothing took it.
	To string
	// Note is a stable code, empty for what was plainly understood. The catalogue has its text.
	Note string
	// Count is how many elements this stands for, at least 1.
	Count int
}

// notes collects what becomes of the members of a document. Equal findings over elements of a list are one.
type notes struct {
	off   bool
	line  int
	list  []Finding
	known map[Finding]int // place in list, by the finding without its count and with a folded path
	roots []value         // decoded documents: what nobody claimed of them is told at the end
	err   error           // the first fault
}

// understood says that a member means the same here. A path names the element, as cues[3].text.
func (n *notes) understood(path, to string) { n.add(path, Understood, to, "") }

// mapped says that a member was changed to fit, and how.
func (n *notes) mapped(path, to, note string) { n.add(path, Mapped, to, note) }

// ignored says that nothing here takes a member, with all that is in it, and why.
func (n *notes) ignored(path, note string) { n.add(path, Ignored, "", note) }

// fail keeps the first fault of a document; the document is refused for it. The rest is still read, so that a check
// tells as much as it can.
func (n *notes) fail(err error) {
	if n.err == nil && err != nil {
		n.err = err
	}
}

// maxFindings bounds what is told of one document. A file of a hundred thousand unknown members is a mistake that a
// thousand show as well.
const maxFindings = 1000

func (n *notes) add(path string, o Outcome, to, note string) {
	if n.off {
		return
	}
	key := Finding{Path: folded(path), Outcome: o, To: folded(to), Note: note}
	i, ok := n.known[key]
	if !ok && len(n.list) >= maxFindings && o != Refused {
		path, o, to, note = "", Ignored, "", noteMore
		key = Finding{Outcome: o, Note: note}
		i, ok = n.known[key]
	}
	if ok {
		n.list[i].Path, n.list[i].To = key.Path, key.To
		n.list[i].Count++
		return
	}
	if n.known == nil {
		n.known = map[Finding]int{}
	}
	n.known[key] = len(n.list)
	n.list = append(n.list, Finding{Line: n.line, Path: path, Outcome: o, To: to, Note: note, Count: 1})
}

// findings are all there are, the refusal last.
func (n *notes) findings(err error) []Finding {
	if n.off {
		return nil
	}
	if f, _ := fault.As(err); f != nil {
		n.add(f.Field, Refused, "", f.Code)
	}
	return n.list
}

// folded is a path with a star for every place in a list.
func folded(path string) string {
	if !strings.Contains(path, "[") {
		return path
	}
	var b strings.Builder
	for path != "" {
		open := strings.IndexByte(path, '[')
		shut := strings.IndexByte(path[open+1:], ']')
		if open < 0 || shut < 0 {
			break
		}
		shut += open + 1
		b.WriteString(path[:open+1])
		if _, err := strconv.ParseUint(path[open+1:shut], 10, 32); err == nil {
			b.WriteByte('*')
		} else {
			b.WriteString(path[open+1 : shut])
		}
		b.WriteByte(']')
		path = path[shut+1:]
	}
	return b.String() + path
}
