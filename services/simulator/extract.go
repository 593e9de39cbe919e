package simulator

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// spoken is a line of a transcript: its number, who speaks, what is said.
var spoken = regexp.MustCompile(`^(?:\[(\d+)\] )?([^:]{0,60}): ?(.*)$`)

type speaker struct {
	name          string
	lines, chars  int
	first, last   string
	firstN, lastN string
}

// extract is an honest answer about a transcript: who spoke how much, and their first and last words. Nothing in it is
// thought up, and its first line says that it is simulated.
func extract(q question) string {
	if len(q.Messages) == 0 {
		return "OK"
	}
	prompt := q.Messages[len(q.Messages)-1].Content
	transcript := ""
	if len(q.Messages) > 1 {
		transcript = q.Messages[len(q.Messages)-2].Content
	}
	speakers := listen(transcript)
	if len(speakers) == 0 {
		return "OK"
	}
	ja := strings.ContainsFunc(transcript, func(r rune) bool { return unicode.In(r, unicode.Hiragana, unicode.Katakana) })
	var b strings.Builder
	head, each := "[Simulated] An extract of this call, made without a language model.\nPrompt: %s\n",
		"\n%s: %d utterances, %d characters\n  first [%s] \"%s\"\n  last [%s] \"%s\"\n"
	if ja {
		head, each = "【シミュレーション】言語モデルを使わずに、この通話から抜き出したものです。\nプロンプト: %s\n",
			"\n%s: 発話 %d 件、%d 文字\n  最初 [%s]「%s」\n  最後 [%s]「%s」\n"
	}
	fmt.Fprintf(&b, head, firstLine(prompt))
	for _, s := range speakers {
		fmt.Fprintf(&b, each, s.name, s.lines, s.chars, s.firstN, s.first, s.lastN, s.last)
	}
	return b.String()
}

// listen goes through a transcript and remembers each speaker's first and last sentence.
func listen(transcript string) []*speaker {
	var order []*speaker
	byName := map[string]*speaker{}
	for line := range strings.SplitSeq(transcript, "\n") {
		m := spoken.FindStringSubmatch(line)
		if len(m) < 4 || strings.TrimSpace(m[3]) == "" {
			continue
		}
		s := byName[m[2]]
		if s == nil {
			s = &speaker{name: m[2], first: firstSentence(m[3]), firstN: m[1]}
			byName[m[2]] = s
			order = append(order, s)
		}
		s.lines++
		s.chars += utf8.RuneCountInString(m[3])
		s.last, s.lastN = lastSentence(m[3]), m[1]
	}
	return order
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// sentences cuts a text behind its full stops; a western one counts only where a space or nothing follows it.
func sentences(text string) []string {
	var out []string
	runes := []rune(strings.TrimSpace(text))
	begin := 0
	for i, r := range runes {
		last := i == len(runes)-1
		ends := strings.ContainsRune("。！？", r) || strings.ContainsRune(".!?", r) && !last && runes[i+1] == ' '
		if (ends || last) && strings.TrimSpace(string(runes[begin:i+1])) != "" {
			out = append(out, strings.TrimSpace(string(runes[begin:i+1])))
			begin = i + 1
		}
	}
	return out
}

func firstSentence(text string) string { return sentences(text)[0] }

func lastSentence(text string) string {
	all := sentences(text)
	return all[len(all)-1]
}
