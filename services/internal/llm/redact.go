package llm

import (
	"regexp"
	"strings"
)

// leastPart is the shortest piece of a key, in bytes, that is taken out of a text. Shorter ones stand in words, too.
const leastPart = 4

// looksLikeKey finds what providers print of keys: sk-…, whole or with the middle starred out.
var looksLikeKey = regexp.MustCompile(`\b(?:sk|rk|pk|sess)-[A-Za-z0-9_\-]*\**[A-Za-z0-9_\-]*`)

// starred finds text with its middle starred out.
var starred = regexp.MustCompile(`[^\s"':,]*\*{3,}[^\s"':,]*`)

// redact takes every part of the secret out of a text: the whole of it, its beginnings and ends of 4 characters and
// more, and whatever looks like a key. Providers repeat the head and tail of a wrong key in their messages.
func redact(text string, secret Secret) string {
	key := string(secret)
	if key != "" {
		text = strings.ReplaceAll(text, key, hidden)
	}
	text = starred.ReplaceAllString(text, hidden)
	text = looksLikeKey.ReplaceAllString(text, hidden)
	for n := len(key) - 1; n >= leastPart; n-- {
		for at := 0; at+n <= len(key); at++ {
			if part := key[at : at+n]; strings.Contains(text, part) && mixed(part) {
				text = strings.ReplaceAll(text, part, hidden)
			}
		}
	}
	return text
}

// mixed tells whether a part has what a plain word has not: a digit, or capital letters behind small ones.
func mixed(part string) bool {
	return strings.ContainsAny(part, "0123456789") || strings.ToLower(part) != part && strings.ToUpper(part) != part
}
