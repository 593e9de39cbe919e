package formats

import (
	"math"
	"strconv"

	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

func detectJSONL(raw []byte) bool {
	m := members(raw)
	return m["utterances"] == '[' && m["results"] == 0 && m["parties"] == 0
}

// parseJSONL reads a dialogue: {"source", "id", "lang", "utterances": [{"speaker", "start_sec", "duration_sec",
// "text"}]}, and what our own export says beyond that. An utterance without an id has its position, counted from 0, so
// that the same file again is recognised. A call without a label has its id for one. An empty list is that of a call in
// which nothing was said only beside a label, as our export writes it; alone it is a dialogue that lost its words.
func parseJSONL(raw []byte, n *notes) (*Call, error) {
	root, err := decode(raw, n)
	if err != nil {
		return nil, err
	}
	if !root.is(object) {
		root.wrong("object")
		return nil, n.err
	}
	b := build(n)
	dialogue(b, root)
	return b.done(), nil
}

// dialogue reads a whole dialogue.
func dialogue(b *builder, root value) {
	b.call.ID = root.get("id").str("call.id")
	if b.call.ID == "" {
		root.get("id").fail("FIELD_REQUIRED")
	}
	dialogueDetails(b, root)
	u := root.get("utterances")
	switch {
	case u.there() && !u.is(list):
		u.wrong("list")
	case u.is(list) && u.size() == 0 && root.get("label").there():
		u.understood("utterances")
		b.call.silent = true
	case u.size() == 0:
		u.fail("FIELD_REQUIRED")
	}
	for _, u := range u.elements() {
		if dialogueUtterance(b, u); b.full() {
			break
		}
	}
}

func dialogueDetails(b *builder, root value) {
	d := b.call.Details
	d.Label, _ = oneLine(b.call.ID)
	if l := root.get("label"); l.there() {
		d.Label = l.line("call.label")
	}
	b.started(root.get("started_at").instant("call.startedAt"))
	b.call.EndedAt = root.get("ended_at").instant("call.endedAt")
	if name := root.get("agent_name"); root.get("agent_account").there() {
		d.AgentAccount = root.get("agent_account").line("call.agentAccount")
		name.ignored(noteAccountNamed)
	} else {
		d.AgentAccount = name.line("call.agentAccount")
	}
	d.AgentNumber = root.get("agent_number").line("call.agentNumber")
	d.CustomerNumber = root.get("customer_number").line("call.customerNumber")
	d.Queue = root.get("queue").line("call.queue")
	d.Direction = b.direction(root.get("direction"))
	for _, name := range []string{"source", "lang"} {
		b.labelOf(root.get(name), name)
	}
	for _, l := range root.get("links").elements() {
		if l.is(object) {
			b.link(l, l.get("call_id").raw(), l.get("relation").raw())
		}
	}
	for name, v := range root.get("labels").members() {
		if v.is(text) && v.raw() == "" { // a label may be empty
			v.node.claimed = true
			b.label(v.path(), name, "")
			continue
		}
		b.labelOf(v, name)
	}
}

func dialogueUtterance(b *builder, u value) {
	if !u.is(object) {
		u.wrong("object")
		return
	}
	at := "utterances[" + strconv.Itoa(len(b.call.Utterances)) + "]."
	b.say(u.path(), &transcriptv1.NewUtterance{
		UtteranceId: u.get("id").str(at + "utteranceId"),
		Version:     uint32(u.get("version").integer(at+"version", 0, math.MaxUint32)),
		Order:       u.get("order").integer(at+"order", math.MinInt64, math.MaxInt64),
		Kind:        utteranceKind(u.get("kind"), at+"kind"),
		Speaker:     u.get("speaker").str(at + "speaker"),
		Text:        u.get("text").str(at + "text"),
		StartSec:    u.get("start_sec").seconds(at + "startSec"),
		DurationSec: u.get("duration_sec").seconds(at + "durationSec"),
		Vendor:      u.get("vendor").str(at + "vendor"),
	})
}

// utteranceKind is "utterance" (also when nothing is there) or "recognizer_lost"; anything else refuses the document.
func utteranceKind(v value, to string) string {
	switch kind := v.str(to); kind {
	case "", "utterance", "recognizer_lost":
		return kind
	default:
		v.wrong("utterance, recognizer_lost")
		return ""
	}
}
