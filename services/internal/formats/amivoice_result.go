package formats

import (
	"strings"

	"github.com/kikigaki/kikigaki/pkg/fault"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

// kindLost marks where the connection to a recogniser failed.
const kindLost = "recognizer_lost"

// milli is how many of the units of most recognisers are a second.
const milli = 1000

// session reads the answer of the asynchronous HTTP interface about a session. Unless it is completed it is refused:
// RECOGNITION_FAILED, or RECOGNITION_UNFINISHED while it waits or runs. compatibleWithSync gives it the shape of the
// synchronous interface, results without segments.
func (a *amivoice) session(root value) {
	a.b.call.ID = root.either("session_id", "sessionid").line("call.id")
	if content := root.get("content_id"); content.there() {
		a.b.call.Details.Label, _ = oneLine(content.raw())
		a.b.labelOf(content, "content_id")
	}
	switch status := root.get("status"); status.raw() {
	case "completed":
		status.ignored(noteContainer)
	case "error":
		said, _ := oneLine(root.get("error_message").raw())
		root.get("error_message").ignored(noteContainer)
		status.fail("RECOGNITION_FAILED", fault.Param("message", said))
		return
	default:
		status.fail("RECOGNITION_UNFINISHED", fault.Param("status", status.raw()))
		return
	}
	if root.get("code").raw() != "" {
		a.final(root)
		return
	}
	root.noPlace("sentiment_analysis")
	for _, name := range []string{"code", "message", "service_id", "audio_size", "audio_md5"} {
		root.get(name).ignored(noteContainer)
	}
	if segments := root.get("segments"); segments.there() {
		root.get("utteranceid").mapped("utterances[*].utteranceId", notePosition)
		a.b.call.silent = segments.is(list)
		for _, s := range segments.elements() {
			a.results(s, "")
		}
		root.get("text").ignored(noteRestated)
		return
	}
	a.results(root, root.get("utteranceid").line("utterances[*].utteranceId"))
}

// final reads one result of an utterance.
func (a *amivoice) final(m value) {
	if !m.is(object) {
		m.wrong("object")
		return
	}
	code, id := m.get("code"), m.get("utteranceid")
	if key := id.raw() + "\x00" + m.get("text").raw() + "\x00" + code.raw(); id.raw() != "" {
		if a.seen[key] {
			m.ignored(noteRestated) // the same packet again
			return
		}
		a.seen[key] = true
	}
	name := id.line(a.b.to("utteranceId"))
	if code.raw() == "" {
		code.understood(a.b.to("kind"))
		m.get("message").ignored(noteContainer)
		a.results(m, name)
		return
	}
	u := &transcriptv1.NewUtterance{UtteranceId: name, Vendor: vendorAmivoice, Text: m.get("text").str(a.b.to("text"))}
	for _, r := range m.get("results").elements() {
		u.StartSec, u.DurationSec = a.b.span(r.get("starttime"), r.get("endtime"), milli)
		r.get("text").ignored(noteRestated)
		r.noPlace(unkept()...)
		break
	}
	note := noteRejected
	if code.raw() != "o" {
		u.Kind, note = kindLost, noteFailed
	}
	code.mapped(a.b.to("kind"), note)
	m.get("message").mapped(a.b.to("kind"), note)
	a.b.say(m.path(), u)
}

// results reads what was recognised in an utterance or in a segment; there is nearly always one result in it.
func (a *amivoice) results(m value, id string) {
	results, whole := m.get("results"), m.get("text")
	if results.size() == 0 {
		if !whole.there() {
			results.fail("FIELD_REQUIRED")
			return
		}
		results.ignored(noteEmpty)
		a.b.say(m.path(), &transcriptv1.NewUtterance{
			UtteranceId: id, Vendor: vendorAmivoice, Text: whole.str(a.b.to("text")),
		})
		return
	}
	for _, r := range results.elements() {
		a.result(r, id)
	}
	whole.ignored(noteRestated)
}

// unkept are the members of a result that no field of ours takes.
func unkept() []string { return []string{"confidence", "tags", "rulename"} }

func (a *amivoice) result(r value, id string) {
	if !r.is(object) {
		r.wrong("object")
		return
	}
	r.noPlace(unkept()...)
	tokens := r.get("tokens")
	if first, several := labels(tokens); several {
		a.turns(r, id, first)
		return
	}
	u := &transcriptv1.NewUtterance{UtteranceId: id, Vendor: vendorAmivoice, Text: r.get("text").str(a.b.to("text"))}
	u.StartSec, u.DurationSec = a.b.span(r.get("starttime"), r.get("endtime"), milli)
	for _, t := range tokens.elements() {
		if l := t.get("label"); l.raw() != "" {
			u.Speaker = l.line(a.b.to("speaker"))
		}
	}
	if !r.get("text").there() {
		var said strings.Builder
		for _, t := range tokens.elements() {
			said.WriteString(t.get("written").str(a.b.to("text")))
		}
		u.Text = said.String()
	}
	finer(tokens)
	a.b.say(r.path(), u)
}

// labels are the first label of some tokens, and whether there is another.
func labels(tokens value) (first string, several bool) {
	for _, t := range tokens.elements() {
		switch l := t.get("label").raw(); {
		case l == "" || l == first:
		case first == "":
			first = l
		default:
			return first, true
		}
	}
	return first, false
}

// turns reads a result in which several people speak. A token without a label belongs to whom spoke before it.
func (a *amivoice) turns(r value, id, speaker string) {
	var words []word
	to := "utterances[*]."
	for _, t := range r.get("tokens").elements() {
		if l := t.get("label").line(to + "speaker"); l != "" {
			speaker = l
		}
		w := timed(t.get("starttime"), t.get("endtime"), milli)
		w.speaker, w.text = speaker, t.get("written").str(to+"text")
		finer(t)
		words = append(words, w)
	}
	for _, t := range turns(r.get("text").raw(), "", words, 0) {
		a.b.say(r.path(), &transcriptv1.NewUtterance{
			UtteranceId: id, Vendor: vendorAmivoice, Speaker: t.speaker, Text: t.text, StartSec: t.from, DurationSec: t.lasts,
		})
	}
	for _, name := range []string{"text", "starttime", "endtime"} {
		r.get(name).ignored(noteRestated)
	}
}
