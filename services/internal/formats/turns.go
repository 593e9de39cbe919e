package formats

import (
	"math"
	"strconv"
	"strings"
)

// word is the smallest thing that a recogniser says, with what is known of it.
type word struct {
	text    string
	speaker string
	from    *float64 // seconds
	to      *float64 // seconds
}

// turn is what one speaker said without a break.
type turn struct {
	speaker string
	text    string
	from    *float64
	lasts   *float64
}

// maxTurn is how many bytes of words become one utterance. It keeps a speech without a break readable, and far below
// what an utterance may hold.
const maxTurn = 4 << 10

// turns makes utterances of words: a new one with every speaker, after every pause of that many seconds (0: pauses do
// not count) and after 4 KiB. whole is what was said as the recogniser writes it; the words are found again in it, so
// that its spaces and punctuation are kept. Where that fails, gap is put between words.
func turns(whole, gap string, words []word, pause float64) []turn {
	var out []turn
	at := 0 // how far into whole the words got; -1 when they are not its words
	var before word
	for _, w := range words {
		between := gap
		if at >= 0 {
			rest := strings.TrimLeft(whole[at:], " \t\r\n")
			if !strings.HasPrefix(rest, w.text) {
				at = -1
			} else {
				between = whole[at : len(whole)-len(rest)]
				at += len(between) + len(w.text)
			}
		}
		last := len(out) - 1
		fresh := last < 0 || w.speaker != before.speaker || len(out[last].text)+len(w.text) > maxTurn || paused(before, w, pause)
		if before = w; fresh {
			out = append(out, turn{speaker: w.speaker, text: w.text, from: w.from, lasts: lasting(w.from, w.to)})
			continue
		}
		out[last].text += between + w.text
		if d := lasting(out[last].from, w.to); d != nil {
			out[last].lasts = d
		}
	}
	return out
}

// paused tells whether there is a pause between two words.
func paused(one, next word, pause float64) bool {
	d := lasting(one.to, next.from)
	return pause > 0 && d != nil && *d >= pause
}

// lasting is how many seconds are between a start and an end, to the microsecond; nil when either is not known or the
// end comes first.
func lasting(from, to *float64) *float64 {
	if from == nil || to == nil || *to < *from {
		return nil
	}
	d := math.Round((*to-*from)*1e6) / 1e6
	return &d
}

// span makes a start and a duration of the start and the end that most recognisers give. unit is how many of theirs are
// a second. A number that cannot be one is ignored, and so is an end before the start: no call is lost for a time.
func (b *builder) span(start, end value, unit float64) (from, lasts *float64) {
	from = seconds(start, unit)
	switch {
	case !start.there():
	case from == nil:
		start.ignored(noteNoNumber)
	case unit != 1:
		start.mapped(b.to("startSec"), noteMillis)
	case start.is(text):
		start.mapped(b.to("startSec"), noteTextAsNumber)
	default:
		start.understood(b.to("startSec"))
	}
	stop := seconds(end, unit)
	switch lasts = lasting(from, stop); {
	case !end.there():
	case stop == nil:
		end.ignored(noteNoNumber)
	case lasts == nil:
		end.ignored(noteEndsFirst)
	default:
		end.mapped(b.to("durationSec"), noteEnd)
	}
	return from, lasts
}

// timed is a word with its times, claimed for the utterance that it will be part of.
func timed(start, end value, unit float64) word {
	w := word{from: seconds(start, unit), to: seconds(end, unit)}
	switch {
	case start.there() && w.from == nil:
		start.ignored(noteNoNumber)
	case unit != 1:
		start.mapped("utterances[*].startSec", noteMillis)
	default:
		start.understood("utterances[*].startSec")
	}
	if end.there() && w.to == nil {
		end.ignored(noteNoNumber)
	} else {
		end.mapped("utterances[*].durationSec", noteEnd)
	}
	return w
}

// seconds is a number of units, also one that is written as a text, in seconds; nil for what is none.
func seconds(v value, unit float64) *float64 {
	if !v.is(number) && !v.is(text) {
		return nil
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(v.raw()), 64)
	if f /= unit; err != nil || !(f >= -maxSeconds && f <= maxSeconds) {
		return nil
	}
	return &f
}

// finer claims what is left in a list of words, or in any other value: the finer detail of an utterance that is kept
// whole.
func finer(v value) {
	switch {
	case v.node == nil || v.node.claimed:
		return
	case !touched(v.node):
		v.ignored(noteWords)
		return
	}
	for _, m := range v.elements() {
		finer(m)
	}
	for _, m := range v.members() {
		finer(m)
	}
}
