package formats

import (
	"html"
	"strconv"
	"strings"
)

// timings reads the line that begins a cue: two times, an arrow between them, and settings behind them.
func timings(line string) (c cue, ok bool) {
	rest := strings.TrimLeft(line, spaceVTT)
	if c.from, rest, ok = timestamp(rest); !ok {
		return c, false
	}
	if rest, ok = strings.CutPrefix(strings.TrimLeft(rest, spaceVTT), arrowVTT); !ok {
		return c, false
	}
	if c.to, rest, ok = timestamp(strings.TrimLeft(rest, spaceVTT)); !ok {
		return c, false
	}
	c.settings = strings.Trim(rest, spaceVTT)
	return c, true
}

// timestamp reads hours:minutes:seconds.milliseconds, of which the hours may be missing, and returns what is behind it.
// Hours have any number of digits (no file is thirty years long), minutes and seconds two, milliseconds three.
func timestamp(s string) (at float64, rest string, ok bool) {
	const most, sixty = maxSeconds/3600 - 1, 60
	h, n, s := digits(s)
	m, two, s := digits(behind(s, ":"))
	if n == 0 || two != 2 || float64(h) > most {
		return 0, "", false
	}
	sec := m
	if n != 2 || h >= sixty || strings.HasPrefix(s, ":") {
		if sec, two, s = digits(behind(s, ":")); two != 2 {
			return 0, "", false
		}
	} else {
		h, m = 0, h
	}
	ms, three, s := digits(behind(s, "."))
	if three != 3 || m >= sixty || sec >= sixty {
		return 0, "", false
	}
	return float64((h*sixty+m)*sixty+sec) + float64(ms)/milli, s, true
}

// digits reads a number, and tells how many digits it has; none, where there is no number or it is too large.
func digits(s string) (value, count int, rest string) {
	for count < len(s) && s[count] >= '0' && s[count] <= '9' {
		count++
	}
	value, err := strconv.Atoi(s[:count])
	if err != nil {
		return 0, 0, s
	}
	return value, count, s[count:]
}

// behind is what follows a sign; nothing, where the sign is not there.
func behind(s, sign string) string {
	rest, ok := strings.CutPrefix(s, sign)
	if !ok {
		return ""
	}
	return rest
}

// voice is a piece of a cue that one speaker says.
type voice struct{ speaker, text string }

// voices takes a cue's text apart: a piece for each voice, without mark-up. plain tells that there was none. There is
// at least one piece.
func voices(payload string) (pieces []voice, plain bool) {
	var open []string // voices that are open, the innermost last
	reading := 0      // how deep in readings of ruby, which say the same again
	var said []string // of the last piece
	add := func(raw string) {
		who := ""
		if len(open) > 0 {
			who = open[len(open)-1]
		}
		if reading > 0 || raw == "" {
			return
		}
		if last := len(pieces) - 1; last < 0 || pieces[last].speaker != who {
			pieces = finished(pieces, said)
			pieces, said = append(pieces, voice{speaker: who}), nil
		}
		said = append(said, html.UnescapeString(raw))
	}
	for rest := payload; rest != ""; {
		before, tail, found := strings.Cut(rest, "<")
		add(before)
		if !found {
			break
		}
		tag, next, _ := strings.Cut(tail, ">")
		rest = next
		name, annotation, _ := strings.Cut(strings.Map(spaces, tag), " ")
		name, _, _ = strings.Cut(name, ".")
		switch name {
		case "v":
			open = append(open, strings.Join(strings.Fields(html.UnescapeString(annotation)), " "))
		case "/v":
			open = open[:max(len(open)-1, 0)]
		case "rt":
			reading++
		case "/rt", "/ruby":
			reading = 0
		}
	}
	return spoken(finished(pieces, said)), !strings.ContainsAny(payload, "<&")
}

// finished puts what was said into the last piece.
func finished(pieces []voice, said []string) []voice {
	if len(pieces) > 0 {
		pieces[len(pieces)-1].text = strings.Join(said, "")
	}
	return pieces
}

func spaces(r rune) rune {
	if strings.ContainsRune(spaceVTT, r) {
		return ' '
	}
	return r
}

// spoken are the pieces in which something is said; an empty one if there is none.
func spoken(pieces []voice) []voice {
	out := pieces[:0:0]
	for _, v := range pieces {
		if v.text = strings.TrimSpace(v.text); v.text != "" {
			out = append(out, v)
		}
	}
	if len(out) == 0 {
		out = append(out, voice{})
		if len(pieces) > 0 {
			out[0].speaker = pieces[0].speaker
		}
	}
	return out
}
