// Package chars counts and cuts text the way people count it here: a character is a Unicode code point after NFC,
// with every line break one LF. The browser counts by the same rule.
package chars

import (
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
	"golang.org/x/text/unicode/norm"
)

// Normal brings text into the form that is stored and counted: valid UTF-8, NFC, line breaks as LF.
func Normal(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.ReplaceAll(s, "\r\n", "\n")
	s = strings.ReplaceAll(s, "\r", "\n")
	return norm.NFC.String(s)
}

// Count is the number of characters of text in its normal form.
func Count(s string) int { return utf8.RuneCountInString(Normal(s)) }

// Cut returns the beginning of a normal text: at most limit characters, and never half of what reads as one (a
// letter and its accent, a family of emoji).
func Cut(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	end, count, state := 0, 0, -1
	for rest := s; rest != ""; {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if count += utf8.RuneCountInString(cluster); count > limit {
			break
		}
		end += len(cluster)
	}
	return s[:end]
}
