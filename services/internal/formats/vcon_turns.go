package formats

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

// reading says the utterances of one transcript.
type reading struct {
	r      *vcon
	vendor string
	talk   talk
	offset float64 // seconds from the call's start to that of the dialog
	labels value   // of speakers, by their id; may not be there
}

// list says turns of any of the shapes that are seen: an object with a text, a speaker and times under many names, or
// a bare text.
func (t reading) list(of value) {
	for _, el := range of.elements() {
		if t.r.b.full() {
			return
		}
		if el.is(text) {
			el.understood(t.r.b.to("text"))
			t.say(el, el, &transcriptv1.NewUtterance{Text: el.raw()})
			continue
		}
		said := textIn(el)
		if !said.there() {
			continue // no words: what there is, is told as unknown
		}
		said.understood(t.r.b.to("text"))
		u := &transcriptv1.NewUtterance{Text: said.raw(), Speaker: t.speaker(el)}
		if id := el.either("id", "utterance_id", "uuid"); id.is(text) || id.is(number) {
			u.UtteranceId = id.line(t.r.b.to("utteranceId"))
		}
		t.times(u, el)
		el.get("words").ignored(noteWords)
		el.noPlace("confidence")
		t.say(el, said, u)
	}
}

func (t reading) say(at, said value, u *transcriptv1.NewUtterance) {
	u.Vendor = t.vendor
	t.r.b.sayAt(at.path(), said.path(), u)
}

// speaker is who said a turn: a name or role, an id with a label beside the turns, or the index of a party.
func (t reading) speaker(el value) string {
	to := t.r.b.to("speaker")
	for _, name := range []string{"party", "parties"} {
		if v := el.get(name); v.is(number) {
			if i, ok := t.r.partyAt(v); ok {
				return t.r.speaker(i)
			}
		}
	}
	v := el.either("speaker", "speaker_name", "speaker_label", "role", "participant", "name", "author", "from", "channel")
	if v.is(list) || v.is(object) || !v.there() {
		return ""
	}
	said := v.raw()
	if label := t.labels.get(said).get("label"); label.is(text) && label.raw() != "" {
		label.understood("utterances[*].speaker")
		said = label.raw()
	}
	if said == v.raw() && v.is(number) {
		v.mapped(to, noteAsText)
		return "speaker" + said
	}
	who := t.r.speakerNamed(said)
	if who == v.raw() {
		v.understood(to)
	} else {
		v.mapped(to, noteRole)
	}
	return who
}

// times reads when a turn began and how long it lasted: seconds within the dialog, or points in time.
func (t reading) times(u *transcriptv1.NewUtterance, el value) {
	at, point := t.second(el.either("start", "start_sec", "start_time", "startTime", "begin", "timestamp"), "startSec", "")
	u.StartSec = at
	end := el.either("end", "end_sec", "end_time", "endTime")
	if d := el.either("duration", "duration_sec"); d.there() {
		u.DurationSec = d.amount(t.r.b.to("durationSec"), "", -maxSeconds)
		end.ignored(noteRestated)
		return
	}
	if at == nil {
		end.ignored(noteNoNumber)
		return
	}
	if stop, alike := t.second(end, "durationSec", noteEnd); stop != nil && alike == point {
		u.DurationSec = new(micro(*stop - *at))
	}
}

// second is a time as seconds since the call's start; point tells that the file gave a point in time.
func (t reading) second(v value, field, note string) (sec *float64, point bool) {
	to := t.r.b.to(field)
	if v.is(text) {
		if at, _ := instant(v.raw(), false); !at.IsZero() {
			if t.r.start.IsZero() {
				v.ignored(noteNoTime)
				return nil, true
			}
			v.mapped(to, cmp.Or(note, noteMoved))
			return new(micro(at.Sub(t.r.start).Seconds())), true
		}
	}
	if note == "" && t.offset != 0 {
		note = noteMoved
	}
	sec = v.amount(to, note, -maxSeconds)
	if sec != nil && t.offset != 0 {
		sec = new(micro(*sec + t.offset))
	}
	return sec, false
}

// plain says a text without turns, a line an utterance; a role or a party's name before a colon is the speaker.
func (t reading) plain(body value) {
	lines := strings.Split(body.raw(), "\n")
	if len(lines) > 1 {
		body.mapped("utterances[*].text", noteSplit)
	} else {
		body.understood(t.r.b.to("text"))
	}
	for _, line := range lines {
		if line = strings.TrimSpace(line); line == "" || t.r.b.full() {
			continue
		}
		u := &transcriptv1.NewUtterance{Text: line}
		if name, said, ok := strings.Cut(line, ":"); ok {
			if who := t.r.speakerNamed(name); who == "agent" || who == "customer" {
				u.Speaker, u.Text = who, strings.TrimSpace(said)
			}
		}
		t.say(body, body, u)
	}
}

// deepgram says what Deepgram answers: its utterances, else the first alternative of each channel.
func (t reading) deepgram(body value) {
	results := body.get("results")
	if said := results.get("utterances"); said.size() > 0 {
		t.list(said)
		results.get("channels").ignored(noteRestated)
		return
	}
	channels := results.get("channels")
	first := len(t.r.b.call.Utterances)
	for i, ch := range channels.elements() {
		who := ""
		if channels.size() > 1 {
			if who = "channel" + strconv.Itoa(i); i < len(t.talk.parties) {
				who = t.r.speaker(t.talk.parties[i])
			}
		}
		t.r.b.labelOf(ch.get("detected_language"), "lang")
		for j, alt := range ch.get("alternatives").elements() {
			if j == 0 {
				t.alternative(alt, who)
			} else {
				alt.ignored(noteOther)
			}
		}
	}
	if channels.size() > 1 { // channels ran side by side
		t.r.b.sortByStart(first)
	}
	body.noPlace("metadata")
}

// alternative says one recognised text: its paragraphs, else its words joined while one speaker goes on, else the text.
func (t reading) alternative(alt value, who string) {
	all := textIn(alt)
	if inner := alt.get("transcript").get("text"); inner.is(text) {
		all = inner
		t.r.b.labelOf(alt.get("transcript").get("language"), "lang")
	}
	paragraphs, words := alt.get("paragraphs").get("paragraphs"), alt.get("words")
	switch {
	case paragraphs.size() > 0:
		all.ignored(noteRestated)
		words.ignored(noteWords)
		alt.get("paragraphs").get("transcript").ignored(noteRestated)
		for _, p := range paragraphs.elements() {
			t.paragraph(p, who)
		}
	case words.size() > 0 && words.node.items[0].kind == object:
		all.ignored(noteRestated)
		t.joined(words, who)
	default:
		t.plain(all)
		if who != "" && len(t.r.b.call.Utterances) > 0 {
			t.r.b.call.Utterances[len(t.r.b.call.Utterances)-1].Speaker = who
		}
	}
	alt.noPlace("confidence", "summaries", "topics", "entities", "translations", "languages")
}

// paragraph says the sentences of a paragraph as one utterance.
func (t reading) paragraph(p value, who string) {
	var said []string
	for _, s := range p.get("sentences").elements() {
		said = append(said, textIn(s).raw())
		textIn(s).mapped(t.r.b.to("text"), noteJoined)
		s.get("start").ignored(noteWords)
		s.get("end").ignored(noteWords)
	}
	u := &transcriptv1.NewUtterance{Text: strings.Join(said, " "), Speaker: who}
	if v := p.get("speaker"); who == "" && v.there() {
		u.Speaker = t.speaker(p)
	}
	t.times(u, p)
	p.noPlace("num_words", "speaker")
	t.say(p, p, u)
}

// joined makes utterances of words: one as long as the same speaker goes on without a pause of over 1.2 s, and of at
// most some 350 bytes.
func (t reading) joined(words value, who string) {
	const pause, long = 1.2, 350
	var u *transcriptv1.NewUtterance
	var at value
	speaker, end := "", 0.0
	for _, w := range words.elements() {
		said := w.get("punctuated_word")
		if !said.is(text) {
			said = w.either("word", "text")
		}
		said.mapped(t.r.b.to("text"), noteJoined)
		w.get("word").ignored(noteRestated)
		one := &transcriptv1.NewUtterance{}
		id := w.get("speaker").raw()
		goesOn := u != nil && id == speaker && len(u.GetText()) < long
		t.times(one, w)
		goesOn = goesOn && (one.StartSec == nil || one.GetStartSec()-end <= pause)
		w.noPlace("confidence", "speaker_confidence")
		if !goesOn {
			if u != nil {
				t.say(at, at, u)
			}
			u, at, speaker = one, w, id
			if u.Speaker = who; who == "" {
				u.Speaker = t.speaker(w)
			}
			u.Text = said.raw()
		} else {
			u.Text += " " + said.raw()
		}
		w.get("speaker").mapped(t.r.b.to("speaker"), noteJoined)
		if one.StartSec != nil && one.DurationSec != nil {
			end = one.GetStartSec() + one.GetDurationSec()
			if u.StartSec != nil {
				u.DurationSec = new(micro(end - u.GetStartSec()))
			}
		}
	}
	if u != nil {
		t.say(at, at, u)
	}
}

// sortByStart brings what was said from a place on into the order of its times; what has none stays behind what was
// before it.
func (b *builder) sortByStart(from int) {
	type placed struct {
		u  *transcriptv1.NewUtterance
		at string
		s  float64
	}
	var all []placed
	last := 0.0
	for i, u := range b.call.Utterances[from:] {
		if u.StartSec != nil {
			last = u.GetStartSec()
		}
		all = append(all, placed{u, b.from[from+i], last})
	}
	slices.SortStableFunc(all, func(x, y placed) int { return cmp.Compare(x.s, y.s) })
	for i, p := range all {
		b.call.Utterances[from+i], b.from[from+i] = p.u, p.at
	}
}
