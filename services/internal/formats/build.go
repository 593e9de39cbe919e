package formats

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

// builder makes a call that passes the checks of an append.
type builder struct {
	n    *notes
	call *Call
	from []string // where each utterance is in the file, for faults
}

func build(n *notes) *builder {
	return &builder{n: n, call: &Call{Details: &transcriptv1.CallDetails{Labels: map[string]string{}}}}
}

// say adds an utterance; at is its path in the file, as utterances[3], and its text is at .text there. An empty id will
// be its position. The speaker becomes one short line. UTTERANCE_TOO_LARGE and CALL_TOO_LARGE refuse the document: a
// text is never cut.
func (b *builder) say(at string, u *transcriptv1.NewUtterance) { b.sayAt(at, at+".text", u) }

// sayAt is say for a text that is elsewhere.
func (b *builder) sayAt(at, text string, u *transcriptv1.NewUtterance) {
	if len(b.call.Utterances) == maxUtterances {
		b.n.fail(tooLarge("CALL_TOO_LARGE", listOf(at), maxUtterances))
		return
	}
	if len(u.GetText()) > maxText {
		b.n.fail(tooLarge("UTTERANCE_TOO_LARGE", text, maxText))
	}
	speaker, note := oneLine(u.GetSpeaker())
	if note != "" {
		b.n.mapped(at, b.to("speaker"), note)
	}
	u.Speaker = speaker
	if u.Vendor, note = oneLine(u.GetVendor()); note != "" {
		b.n.mapped(at, b.to("vendor"), note)
	}
	b.call.Utterances = append(b.call.Utterances, u)
	b.from = append(b.from, at)
}

// full tells that no further utterance is taken; the next refuses the document.
func (b *builder) full() bool { return len(b.from) == maxUtterances && b.n.err != nil }

// to is a field of the utterance that will be said next, for findings.
func (b *builder) to(field string) string {
	return "utterances[" + strconv.Itoa(len(b.call.Utterances)) + "]." + field
}

// listOf is the list that an element is in.
func listOf(at string) string {
	if i := strings.LastIndexByte(at, '['); i > 0 {
		return at[:i]
	}
	return at
}

// label sets a label of the call from a value of the file; at is its path. A name or value that is too long is cut,
// and beyond 32 labels one is ignored, as is one without a name.
func (b *builder) label(at, name, val string) {
	labels := b.call.Details.GetLabels()
	name, cut := oneLine(name)
	val, note := oneLine(val)
	if cut != "" {
		note = cut
	}
	_, known := labels[name]
	switch {
	case strings.TrimSpace(name) == "":
		b.n.ignored(at, noteEmpty)
		return
	case len(labels) == maxLabels && !known:
		b.n.ignored(at, noteTooManyLabels)
		return
	}
	labels[name] = val
	if note != "" {
		b.n.mapped(at, "call.labels."+name, note)
		return
	}
	b.n.understood(at, "call.labels."+name)
}

// labelOf sets a label of the call from a member of the file. A list or an object is none, and an empty text sets none.
func (b *builder) labelOf(v value, name string) {
	switch {
	case !v.there():
		return
	case v.is(text) && v.raw() == "":
		v.ignored(noteEmpty)
		return
	case v.is(list) || v.is(object):
		v.ignored(noteWrongKind)
		return
	}
	v.node.claimed = true
	b.label(v.path(), name, v.raw())
}

// direction is inbound or outbound, in the spellings that formats have for them; anything else is ignored.
func (b *builder) direction(v value) string {
	const to = "call.direction"
	said := directionOf(v.raw())
	switch {
	case !v.there():
	case said == "":
		v.ignored(noteDirection)
	case said == v.raw():
		v.understood(to)
	default:
		v.mapped(to, noteDirection)
	}
	return said
}

func directionOf(s string) string {
	switch strings.ToLower(s) {
	case "inbound", "in", "incoming":
		return "inbound"
	case "outbound", "out", "outgoing":
		return "outbound"
	default:
		return ""
	}
}

// link names another call that belongs to this one; of a call named twice the last counts. What cannot be a link is
// ignored: one to the call itself, an id that none can have, a relation that is not known, the 33rd.
func (b *builder) link(v value, id, relation string) {
	d := b.call.Details
	links := d.GetLinks()
	same := slices.IndexFunc(links, func(l *transcriptv1.CallLink) bool { return l.GetCallId() == id })
	known := slices.Contains([]string{"", "leg", "transfer", "consultation"}, relation)
	switch {
	case !usableID(id) || id == b.call.ID || !known || same < 0 && len(links) == maxLinks:
		v.ignored(noteNoLink)
	case same >= 0:
		v.understood("call.links[" + strconv.Itoa(same) + "]")
		links[same].Relation = relation
	default:
		v.understood("call.links[" + strconv.Itoa(len(links)) + "]")
		d.Links = append(d.Links, &transcriptv1.CallLink{CallId: id, Relation: relation})
	}
}

// started sets the call's start; zero sets none.
func (b *builder) started(t time.Time) {
	if !t.IsZero() {
		b.call.Details.StartedAt = timestamppb.New(t)
	}
}

// identity is what tells utterances of a call apart; the same id with another version is a correction.
type identity struct {
	id      string
	version uint32
}

// done gives every utterance an id of its own and returns the call. Ids of the file are kept letter by letter as long
// as they are usable and nobody had them before with the same version. Without one an utterance gets its position, and
// what is taken gets ~2, ~3 behind it, so that the same file gives the same ids again.
func (b *builder) done() *Call {
	said := b.call.Utterances
	owner := make(map[identity]int, len(said))
	for i, u := range said {
		if u.GetUtteranceId() != "" && !usableID(u.GetUtteranceId()) {
			b.renamed(i, notePosition)
			u.UtteranceId = ""
		}
		k := identity{u.GetUtteranceId(), u.GetVersion()}
		if _, taken := owner[k]; k.id != "" && !taken {
			owner[k] = i
		}
	}
	turns := make(map[identity]int)
	for i, u := range said {
		k := identity{u.GetUtteranceId(), u.GetVersion()}
		if i0, taken := owner[k]; taken && i0 == i {
			continue
		}
		if k.id == "" {
			k.id = strconv.Itoa(i)
		} else {
			b.renamed(i, noteDuplicateID)
		}
		u.UtteranceId = free(owner, turns, k)
		owner[identity{u.GetUtteranceId(), u.GetVersion()}] = i
	}
	return b.call
}

func (b *builder) renamed(i int, note string) {
	b.n.mapped(b.from[i], "utterances["+strconv.Itoa(i)+"].utteranceId", note)
}

// free is an id that nobody has. turns remembers how far the numbers behind an id got.
func free(owner, turns map[identity]int, want identity) string {
	id := want.id
	for {
		if _, taken := owner[identity{id, want.version}]; !taken {
			return id
		}
		turns[want] = max(turns[want], 1) + 1
		id = numbered(want.id, turns[want])
	}
}

// numbered is an id with a number behind it, still of at most 255 code points.
func numbered(id string, turn int) string {
	tail := "~" + strconv.Itoa(turn)
	if runes := []rune(id); len(runes)+len(tail) > maxID {
		id = string(runes[:maxID-len(tail)])
	}
	return id + tail
}

// usableID tells whether an id passes as it is: 1 to 255 code points, no control characters.
func usableID(id string) bool {
	return id != "" && utf8.ValidString(id) && utf8.RuneCountInString(id) <= maxID && !strings.ContainsFunc(id, unicode.IsControl)
}

// role is agent or customer for the names that formats have for them, in any case; else false.
func role(name string) (string, bool) {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "agent", "operator", "advisor", "representative", "オペレータ", "オペレーター":
		return "agent", true
	case "customer", "caller", "client", "user", "お客様":
		return "customer", true
	default:
		return "", false
	}
}

// check is the last look at what a parser made: FIELD_REQUIRED for a call without an id or words, unless the file says
// that there were none, FIELD_INVALID for its id.
func check(c *Call) error {
	switch {
	case c.ID == "":
		return fault.New(fault.Unprocessable, "FIELD_REQUIRED", fault.Field("id"), fault.Param("min", "1"))
	case !usableID(c.ID):
		return fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field("id"), fault.Param("allowed", "1..255"))
	case len(c.Utterances) == 0 && !c.silent:
		return fault.New(fault.Unprocessable, "FIELD_REQUIRED", fault.Field("utterances"), fault.Param("min", "1"))
	}
	return nil
}
