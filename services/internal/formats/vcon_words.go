package formats

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

// shape is what a transcript looks like inside, the more telling ones higher.
type shape int

const (
	shapeless     shape = iota
	plainText           // nothing but text
	oneText             // an object with a text and maybe words
	listOfTurns         // who said what, one by one
	deepgramShape       // what Deepgram answers
	segmented           // WTF and those like it: segments with times, speakers beside them
)

// script is a transcript of a vCon.
type script struct {
	a, body value
	shape   shape
	talks   []int // dialogs that it is of; empty: of all
}

// first is where it stands among the dialogs.
func (s script) first() int {
	if len(s.talks) == 0 {
		return -1
	}
	return slices.Min(s.talks)
}

// words takes what was said: for each dialog the most telling transcript, the first of equals, else the dialog itself
// if it is a text. What was not taken is told.
func (r *vcon) words() {
	taken := r.choose(r.scripts())
	covered, at := map[int]bool{}, map[int][]script{}
	all := len(taken) > 0 && len(taken[0].talks) == 0
	for _, s := range taken {
		first := min(s.first(), len(r.talks)) // beyond the last: of a dialog that is not there
		at[first] = append(at[first], s)
		for _, i := range s.talks {
			covered[i] = true
		}
	}
	for i := -1; i <= len(r.talks); i++ {
		for _, s := range at[i] {
			r.script(s)
		}
		if i >= 0 && i < len(r.talks) {
			r.content(r.talks[i], all || covered[i])
		}
	}
}

// scripts are all transcripts: analyses, and attachments where the older WTF draft put them.
func (r *vcon) scripts() []script {
	var out []script
	for _, at := range []string{"analysis", "attachments"} {
		for _, a := range r.root.get(at).elements() {
			kind := strings.ToLower(a.either("type", "purpose").raw())
			if !strings.HasPrefix(kind, "transcri") && kind != "wtf_transcription" || at == "attachments" && kind != "wtf_transcription" {
				continue
			}
			a.either("type", "purpose").understood("")
			s := script{a: a, body: r.body(a)}
			s.shape = shapeOf(s.body)
			dialog := a.get("dialog")
			if i, err := strconv.Atoi(dialog.raw()); err == nil && dialog.is(number) && i >= 0 {
				s.talks = append(s.talks, i)
			}
			for _, d := range dialog.elements() {
				if i, err := strconv.Atoi(d.raw()); err == nil && i >= 0 {
					s.talks = append(s.talks, i)
				}
			}
			dialog.understood("")
			out = append(out, s)
		}
	}
	return out
}

// choose takes the best transcript of each dialog.
func (r *vcon) choose(all []script) []script {
	slices.SortStableFunc(all, func(a, b script) int { return cmp.Compare(b.shape, a.shape) })
	var taken []script
	covers := map[int]bool{}
	for _, s := range all {
		overlaps := len(taken) > 0 && len(s.talks) == 0 || len(taken) > 0 && len(taken[0].talks) == 0
		for _, i := range s.talks {
			overlaps = overlaps || covers[i]
		}
		switch {
		case s.shape == shapeless:
			s.a.get("body").ignored(noteNotText)
		case overlaps:
			r.drop(s)
		default:
			taken = append(taken, s)
			for _, i := range s.talks {
				covers[i] = true
			}
		}
	}
	slices.SortStableFunc(taken, func(a, b script) int { return cmp.Compare(a.first(), b.first()) })
	return taken
}

// drop tells that a transcript was not taken.
func (r *vcon) drop(s script) {
	if body := s.a.get("body"); body.node.claimed {
		r.b.n.ignored(body.path(), noteOther) // it came out of an encoding, and that was told
	} else {
		body.ignored(noteOther)
	}
	s.body.node.claimed = true
}

// body is the content of an analysis or of a dialog, out of its encoding. It is not there when it is no text.
func (r *vcon) body(of value) value {
	body, encoding := of.get("body"), strings.ToLower(of.get("encoding").raw())
	of.get("encoding").understood("")
	if !body.is(text) {
		return body
	}
	said := body.raw()
	if strings.HasPrefix(encoding, "base64") {
		said = strings.TrimRight(strings.NewReplacer("+", "-", "/", "_", "\n", "", "\r", "").Replace(said), "=")
		raw, err := base64.RawURLEncoding.DecodeString(said)
		if err != nil || !utf8.Valid(raw) {
			return value{n: of.n}
		}
		body.mapped("utterances[*].text", noteBase64)
		said = string(raw)
	}
	if trimmed := strings.TrimSpace(said); strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[") {
		quiet := &notes{off: true} // a text may begin with a bracket
		if _, err := decodeAt(trimmed, "", quiet); err == nil {
			body.mapped("utterances[*].text", noteNested)
			doc, _ := decodeAt(trimmed, body.path(), of.n)
			return doc
		}
		if doc, err := pythonAt(trimmed, body.path(), of.n); err == nil {
			body.mapped("utterances[*].text", notePython)
			return doc
		}
	}
	if said == body.raw() {
		return body
	}
	return value{n: of.n, node: &node{kind: text, text: said}, base: body.path()}
}

func shapeOf(body value) shape {
	switch {
	case body.is(text) && strings.TrimSpace(body.raw()) != "":
		return plainText
	case body.is(list) && slices.ContainsFunc(body.node.items, func(n node) bool { return n.kind == object || n.kind == text }):
		return listOfTurns
	case !body.is(object):
		return shapeless
	case body.get("segments").size() > 0:
		return segmented
	case body.get("results").get("channels").is(list):
		return deepgramShape
	case turnsIn(body).there():
		return listOfTurns
	case textIn(body).there() || body.get("transcript").get("text").is(text):
		return oneText
	default:
		return shapeless
	}
}

// turnsIn is the list of turns that some producers wrap in an object.
func turnsIn(body value) value {
	for _, name := range []string{"conversation", "utterances", "turns", "messages", "transcript", "sentences"} {
		if v := body.get(name); v.is(list) && v.size() > 0 {
			return v
		}
	}
	return value{n: body.n}
}

// textIn is the member of an object that holds what was said.
func textIn(v value) value {
	for _, name := range []string{"message", "text", "content", "transcript", "utterance", "body"} {
		if m := v.get(name); m.is(text) {
			return m
		}
	}
	return value{n: v.n}
}

// script says the utterances of a transcript.
func (r *vcon) script(s script) {
	t := reading{r: r, vendor: s.a.get("vendor").raw()}
	s.a.get("vendor").understood("utterances[*].vendor")
	if i := s.first(); i >= 0 && i < len(r.talks) {
		t.talk, t.offset = r.talks[i], r.offset(r.talks[i])
	}
	switch s.shape {
	case segmented:
		t.labels = s.body.get("speakers")
		r.b.labelOf(s.body.either("language"), "lang")
		r.b.labelOf(s.body.get("transcript").get("language"), "lang")
		s.body.get("transcript").get("text").ignored(noteRestated)
		s.body.get("text").ignored(noteRestated)
		t.list(s.body.get("segments"))
		s.body.get("words").ignored(noteWords)
		s.body.get("transcript").noPlace("duration", "confidence")
		s.body.noPlace("metadata", "quality", "alternatives", "enrichments", "streaming", "extensions", "task", "duration", "usage")
		for _, speaker := range t.labels.members() {
			speaker.noPlace("id", "segments", "total_time", "confidence", "label")
		}
	case deepgramShape:
		t.deepgram(s.body)
	case listOfTurns:
		if s.body.is(list) {
			t.list(s.body)
		} else {
			t.list(turnsIn(s.body))
		}
	case oneText:
		t.alternative(s.body, "")
	case plainText:
		t.plain(s.body)
	case shapeless:
	}
}

// content takes the words of a dialog that is a text, unless a transcript has them, and tells what else is in it.
func (r *vcon) content(t talk, covered bool) {
	kind, media := t.v.get("type").raw(), strings.ToLower(t.v.either("mediatype", "mimetype").raw())
	body := t.v.get("body")
	switch {
	case kind == "transfer":
		for _, name := range []string{"transferee", "transferor", "transfer_target", "original", "consultation", "target_dialog"} {
			t.v.get(name).ignored(noteTransfer)
		}
	case !body.there():
	case covered:
		body.ignored(noteRestated)
	case kind != "text" && !strings.HasPrefix(media, "text/"), media != "" && !strings.HasPrefix(media, "text/"):
		body.ignored(noteNotText)
	default:
		r.written(t, media)
	}
	for _, name := range []string{"body", "url"} {
		if m := t.v.get(name); m.there() && !touched(m.node) {
			m.ignored(noteNotText)
		}
	}
	t.v.noPlace("mediatype", "mimetype", "filename", "content_hash", "alg", "signature", "session_id", "party_history",
		"recordings", "recording_set", "application", "message_id", "encoding", "meta", "campaign", "interaction_type",
		"interaction_id", "skill")
}

// written says a dialog that is a text as one utterance of its author.
func (r *vcon) written(t talk, media string) {
	body := r.body(t.v)
	if !body.is(text) {
		t.v.get("body").ignored(noteNotText)
		return
	}
	u := &transcriptv1.NewUtterance{Text: body.raw(), UtteranceId: t.v.get("message_id").raw()}
	t.v.get("message_id").understood(r.b.to("utteranceId"))
	if t.authored {
		u.Speaker = r.speaker(t.author)
	}
	if !t.start.IsZero() && !r.start.IsZero() {
		u.StartSec = new(micro(r.offset(t)))
	}
	u.DurationSec = t.v.get("duration").amount(r.b.to("durationSec"), "", 0)
	if strings.HasPrefix(media, "text/html") {
		t.v.get("body").mapped(r.b.to("text"), noteHTML)
	} else {
		t.v.get("body").understood(r.b.to("text"))
	}
	r.b.sayAt(t.v.path(), t.v.get("body").path(), u)
}

// leftovers tells of known members that nothing here takes.
func (r *vcon) leftovers() {
	for _, a := range r.root.get("analysis").elements() {
		if m := a.get("body"); m.there() && !touched(m.node) {
			m.ignored(noteNoPlace)
		}
		a.noPlace("type", "dialog", "attachment", "vendor", "product", "schema", "vendor_schema", "mediatype", "mimetype",
			"filename", "url", "content_hash", "alg", "signature", "encoding")
	}
	for _, a := range r.root.get("attachments").elements() {
		if !touched(a.node) {
			a.ignored(noteNoPlace)
		}
	}
}
