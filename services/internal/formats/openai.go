package formats

import (
	"strings"

	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

const (
	// vendorOpenAI is what utterances from OpenAI name.
	vendorOpenAI = "OpenAI"
	// pauseOpenAI is the pause between words, in seconds, that begins an utterance where there are words alone.
	pauseOpenAI = 0.8
	// maxMark is how many bytes of punctuation may stand behind a word.
	maxMark = 8
)

// detectOpenAI knows verbose_json, with segments or with words, and diarized_json.
func detectOpenAI(raw []byte) bool {
	m := members(raw)
	timed := m["segments"] == '[' || m["words"] == '['
	return timed && m["text"] == '"' && (m["task"] == '"' || m["duration"] != 0 && m["language"] == '"') &&
		m["session_id"] == 0 && m["metadata"] == 0
}

// parseOpenAI reads segments as utterances; where only words were asked for, utterances are made of them, a new one
// after every pause of 0.8 s. There is no speaker, except in diarized_json.
func parseOpenAI(raw []byte, n *notes) (*Call, error) {
	root, err := decode(raw, n)
	if err != nil {
		return nil, err
	}
	b := build(n)
	b.labelOf(root.get("language"), "lang")
	whole, segments, words := root.get("text"), root.get("segments"), root.get("words")
	switch {
	case segments.size() > 0:
		for _, s := range segments.elements() {
			openaiSegment(b, s)
		}
		finer(words)
		whole.ignored(noteRestated)
	case words.size() > 0:
		for _, t := range openaiWords(whole, words) {
			b.say(words.path(), &transcriptv1.NewUtterance{
				Text: t.text, StartSec: t.from, DurationSec: t.lasts, Vendor: vendorOpenAI,
			})
		}
		whole.ignored(noteRestated)
	default:
		u := &transcriptv1.NewUtterance{Vendor: vendorOpenAI, Text: trimmedText(b, whole)}
		if !whole.there() {
			whole.fail("FIELD_REQUIRED")
		}
		b.say("", u)
	}
	root.get("task").ignored(noteContainer)
	root.get("duration").ignored(noteContainer)
	aboutFile(root.get("usage"))
	return b.done(), nil
}

func openaiSegment(b *builder, s value) {
	if !s.is(object) {
		s.wrong("object")
		return
	}
	u := &transcriptv1.NewUtterance{
		UtteranceId: s.get("id").line(b.to("utteranceId")),
		Speaker:     b.who(s.get("speaker"), ""),
		Text:        trimmedText(b, s.get("text")),
		Vendor:      vendorOpenAI,
	}
	u.StartSec, u.DurationSec = b.span(s.get("start"), s.get("end"), 1)
	finer(s.get("words"))
	s.get("type").ignored(noteContainer)
	s.noPlace("seek", "tokens", "temperature", "avg_logprob", "compression_ratio", "no_speech_prob")
	b.say(s.path(), u)
}

// trimmedText is a text without the white space around it: Whisper begins its segments with a space.
func trimmedText(b *builder, v value) string {
	said := strings.TrimSpace(v.raw())
	if !v.is(text) || said == v.raw() {
		return v.str(b.to("text"))
	}
	v.mapped(b.to("text"), noteTrimmed)
	return said
}

// openaiWords makes turns of words. They come without punctuation, so it is looked up in the text around them.
func openaiWords(whole, list value) []turn {
	var words []word
	rest := whole.raw()
	for _, w := range list.elements() {
		one := timed(w.get("start"), w.get("end"), 1)
		one.text = strings.TrimSpace(w.get("word").str("utterances[*].text"))
		near := rest[:min(len(rest), maxMark+len(one.text))] // no further: looking for every word in all of it would be slow
		if before, _, found := strings.Cut(near, one.text); found {
			if mark := strings.TrimRight(before, " \n"); len(words) > 0 {
				words[len(words)-1].text += mark // what stands behind a word without a space
			}
			rest = rest[len(before)+len(one.text):]
		}
		words = append(words, one)
	}
	if mark := strings.TrimSpace(rest); len(words) > 0 && len(mark) <= maxMark {
		words[len(words)-1].text += mark
	}
	return turns(whole.raw(), " ", words, pauseOpenAI)
}
