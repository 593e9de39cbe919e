package formats

import (
	"cmp"
	"slices"
	"strconv"

	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

const (
	// vendorDeepgram is what utterances from Deepgram name.
	vendorDeepgram = "Deepgram"
	// pauseDeepgram is the pause, in seconds, after which Deepgram itself begins an utterance where it is asked for them.
	pauseDeepgram = 0.8
)

// detectDeepgram knows the answer about a recorded file.
func detectDeepgram(raw []byte) bool {
	m := members(raw)
	return m["metadata"] == '{' && m["results"] == '{'
}

// parseDeepgram reads utterances where they were asked for, else makes them of the words of each channel: a new one with
// every speaker and after every pause of 0.8 s. Channels follow one another in the file, so their utterances are merged
// by start. Speakers are speaker0, speaker1; with several channels channel0, channel1, or both. Which of them is the
// agent the file does not tell. The time that it tells is that of the recognition, not of the call.
func parseDeepgram(raw []byte, n *notes) (*Call, error) {
	root, err := decode(raw, n)
	if err != nil {
		return nil, err
	}
	b := build(n)
	meta, results := root.get("metadata"), root.get("results")
	b.call.ID = meta.get("request_id").line("call.id")
	if !results.is(object) {
		results.wrong("object")
		return nil, n.err
	}
	if u := results.get("utterances"); u.size() > 0 {
		d := deepgram{b: b, channels: seconds(meta.get("channels"), 1)}
		for _, said := range u.elements() {
			d.utterance(said)
		}
	} else {
		deepgramChannels(b, results.get("channels"))
	}
	for _, c := range results.get("channels").elements() {
		b.labelOf(c.get("detected_language"), "lang")
		c.noPlace("language_confidence", "search")
		for i, a := range c.get("alternatives").elements() {
			deepgramRest(a, i)
		}
	}
	results.noPlace("summary", "topics", "intents", "sentiments")
	aboutFile(meta)
	return b.done(), nil
}

// deepgramRest tells what became of the alternative at a place, best first, beside the words that were taken of it.
func deepgramRest(a value, place int) {
	switch {
	case a.size() == 0:
		a.ignored(noteEmpty)
	case place > 0:
		a.ignored(noteOther)
	case !touched(a.node):
		a.ignored(noteRestated)
	default:
		a.noPlace("confidence", "languages")
		for _, name := range []string{"words", "paragraphs", "entities"} {
			finer(a.get(name))
		}
	}
}

type deepgram struct {
	b        *builder
	channels *float64
}

func (d deepgram) utterance(said value) {
	if !said.is(object) {
		said.wrong("object")
		return
	}
	b := d.b
	u := &transcriptv1.NewUtterance{
		UtteranceId: said.get("id").line(b.to("utteranceId")),
		Text:        said.get("transcript").str(b.to("text")),
		Vendor:      vendorDeepgram,
	}
	speaker, channel := said.get("speaker"), said.get("channel")
	if d.channels != nil && *d.channels > 1 && channel.raw() != "" {
		u.Speaker = "channel" + channel.raw()
		channel.mapped(b.to("speaker"), noteChannel)
	} else {
		channel.ignored(noteContainer)
	}
	if speaker.raw() != "" {
		u.Speaker = joined(u.GetSpeaker(), "speaker"+speaker.raw())
		speaker.mapped(b.to("speaker"), noteAsText)
	}
	u.StartSec, u.DurationSec = b.span(said.get("start"), said.get("end"), 1)
	finer(said.get("words"))
	said.noPlace("confidence", "sentiment", "sentiment_score", "languages")
	b.say(said.path(), u)
}

// joined is two parts of a name with a space between them.
func joined(one, other string) string {
	if one == "" {
		return other
	}
	return one + " " + other
}

// saidAt is a turn with the place in the file that it was made of.
type saidAt struct {
	turn
	at string
}

func deepgramChannels(b *builder, channels value) {
	if !channels.is(list) {
		channels.wrong("list")
		return
	}
	several := channels.size() > 1
	b.call.silent = channels.size() > 0
	var said []saidAt
	for i, c := range channels.elements() {
		name := ""
		if several {
			name = "channel" + strconv.Itoa(i)
		}
		for _, best := range c.get("alternatives").elements() {
			for _, t := range deepgramTurns(best, name) {
				said = append(said, saidAt{t, best.path()})
			}
			break
		}
	}
	if several {
		merged(said)
		b.n.mapped(channels.path(), "utterances", noteMerged)
	}
	for _, t := range said {
		b.say(t.at, &transcriptv1.NewUtterance{
			Text: t.text, Speaker: t.speaker, StartSec: t.from, DurationSec: t.lasts, Vendor: vendorDeepgram,
		})
	}
}

// merged sorts turns of channels by their starts; one without a start stays behind the one before it.
func merged(said []saidAt) {
	last := 0.0
	keys := make([]float64, len(said))
	order := make([]int, len(said))
	for i, t := range said {
		if t.from != nil {
			last = *t.from
		}
		keys[i], order[i] = last, i
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(keys[x], keys[y]) })
	was := slices.Clone(said)
	for i, from := range order {
		said[i] = was[from]
	}
}

// deepgramTurns makes turns of what was recognised in a channel.
func deepgramTurns(best value, channel string) []turn {
	const to = "utterances[*]."
	whole := best.get("transcript")
	var words []word
	for _, w := range best.get("words").elements() {
		text := w.either("punctuated_word", "word")
		one := timed(w.get("start"), w.get("end"), 1)
		one.text, one.speaker = text.str(to+"text"), channel
		if s := w.get("speaker"); s.raw() != "" {
			one.speaker = joined(channel, "speaker"+s.raw())
			s.mapped(to+"speaker", noteAsText)
		}
		words = append(words, one)
	}
	if len(words) == 0 {
		if whole.raw() == "" {
			whole.ignored(noteEmpty)
			return nil
		}
		return []turn{{speaker: channel, text: whole.str(to + "text")}}
	}
	whole.ignored(noteRestated)
	return turns(whole.raw(), " ", words, pauseDeepgram)
}
