package analysis

import (
	"unicode/utf8"

	"github.com/kikigaki/kikigaki/pkg/view"
)

// guessUtterance is what an utterance has beside its text: its number, who speaks, and a line of its own.
const guessUtterance = 8

// guess is about how many tokens a text has, and seldom too few: a token for three letters of those that Latin is written
// with, three for four of all others. Counting takes a thousand times as long, and turns can be given before.
func guess(text string) int {
	ascii := 0
	for i := range len(text) {
		if text[i] < utf8.RuneSelf {
			ascii++
		}
	}
	return 1 + ascii/3 + (utf8.RuneCountInString(text)-ascii)*3/4
}

// expected is what an analysis is expected to cost before its words have been counted: transcript, prompt, and the longest
// answer that its key lets it have.
func expected(tx *view.Tx, r Record) (int, error) {
	k, _, err := readKey(tx, r.Tenant, r.Key.ID)
	transcript := r.Tokens
	if transcript == 0 {
		transcript = quantum // nobody has said: turns are then even by number
	}
	return transcript + guess(r.Prompt.Text) + outputOf(k), err
}

// outputOf is how many tokens an answer may have.
func outputOf(k interface{ GetMaxOutputTokens() int32 }) int {
	if most := k.GetMaxOutputTokens(); most > 0 {
		return int(most)
	}
	return defaultOutput
}
