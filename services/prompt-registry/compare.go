package prompts

import (
	"slices"
	"strconv"

	"github.com/rivo/uniseg"
)

// What a part of a comparison is.
const (
	partSame    = "same"
	partRemoved = "removed"
	partAdded   = "added"
)

// part is a piece of a text in a comparison of two.
type part struct{ kind, text string }

// difference is a field that two drafts have not in common.
type difference struct {
	// field by its name in JSON.
	field         string
	before, after string
	// parts lead from one text to the other; nil where the value is one of a few.
	parts []part
}

// compare lists the fields in which two drafts differ, in the order of the form.
func compare(before, after Draft) (out []difference) {
	for _, f := range []struct {
		name   string
		text   bool
		before string
		after  string
	}{
		{"name", true, before.Name, after.Name},
		{"keyKind", false, before.KeyKind, after.KeyKind},
		{"keyId", false, before.KeyID, after.KeyID},
		{"text", true, before.Text, after.Text},
		{"advanced", false, strconv.FormatBool(before.Advanced), strconv.FormatBool(after.Advanced)},
		{"mapText", true, before.MapText, after.MapText},
		{"split", false, before.Split, after.Split},
		{"memo", true, before.Memo, after.Memo},
	} {
		if f.before == f.after {
			continue
		}
		d := difference{field: f.name, before: f.before, after: f.after}
		if f.text {
			d.parts = parts(words(f.before), words(f.after))
		}
		out = append(out, d)
	}
	return out
}

// words splits a text where a reader would: between words, and in languages without blanks about at every character, but
// never inside what reads as one.
func words(text string) (out []string) {
	for state := -1; text != ""; {
		var word string
		word, text, state = uniseg.FirstWordInString(text, state)
		out = append(out, word)
	}
	return out
}

// parts is the shortest way from one list of words to another. It takes time and room of one list times the other: texts
// are bounded, at 1,000 words that is 4 MiB.
func parts(before, after []string) (out []part) {
	common := commonTails(before, after)
	add := func(kind, word string) {
		if last := len(out) - 1; last >= 0 && out[last].kind == kind {
			out[last].text += word
			return
		}
		out = append(out, part{kind, word})
	}
	i, j := 0, 0
	for i < len(before) || j < len(after) {
		switch {
		case i < len(before) && j < len(after) && before[i] == after[j]:
			add(partSame, before[i])
			i, j = i+1, j+1
		case j == len(after) || i < len(before) && common[i+1][j] >= common[i][j+1]:
			add(partRemoved, before[i])
			i++
		default:
			add(partAdded, after[j])
			j++
		}
	}
	return out
}

// commonTails tells for every pair of places how many words the rests behind them have in common, in order.
func commonTails(before, after []string) [][]uint32 {
	common := make([][]uint32, len(before)+1)
	for i := range common {
		common[i] = make([]uint32, len(after)+1)
	}
	for i := range slices.Backward(before) {
		for j := range slices.Backward(after) {
			if before[i] == after[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	return common
}
