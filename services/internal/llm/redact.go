package llm

import (
	"regexp"
	"strings"
)

// leastPart is the shortest piece of a key, in bytes, that is taken out of a text. Shorter ones stand in words, too.
const leastPart = 4

// publicHead is how keys of a kind begin: no secret, and its letters stand in words like "project".
var publicHead = regexp.MustCompile(`^sk-(?:proj-|svcacct-|admin-|ant-|or-)?`)

// looksLikeKey finds what providers print of keys: sk-…, whole or with the middle starred out.
var looksLikeKey = regexp.MustCompile(`\b(?:sk|rk|pk|sess)-[A-Za-z0-9_\-]*\**[A-Za-z0-9_\-]*`)

// starred finds text with its middle starred out.
var starred = regexp.MustCompile(`[^\s"':,]*\*{3,}[^\s"':,]*`)

// repeated is what is left where several rules found pieces of one key.
var repeated = regexp.MustCompile(`(?:\[secret\])+`)

// redact takes every part of the secret out of a text: the whole of it, every piece of 4 bytes and more, and whatever
// looks like a key. Providers repeat the head and tail of a wrong key in their messages.
func redact(text string, secret Secret) string {
	text = blot(text, string(secret))
	text = starred.ReplaceAllLiteralString(text, hidden)
	text = looksLikeKey.ReplaceAllLiteralString(text, hidden)
	return repeated.ReplaceAllLiteralString(text, hidden)
}

// blot hides every byte of a text that is within a piece of the key. All pieces are found by the shortest ones, and in
// one go: hiding piece by piece would find pieces of "secret" in what hides the piece before.
func blot(text, key string) string {
	if key == "" {
		return text
	}
	if len(key) < leastPart {
		return strings.ReplaceAll(text, key, hidden)
	}
	pieces := map[string]bool{}
	first := max(0, len(publicHead.FindString(key))-leastPart+1)
	for at := first; at+leastPart <= len(key); at++ {
		pieces[key[at:at+leastPart]] = true
	}
	var out strings.Builder
	shown := 0 // up to here the text is written
	for at := 0; at+leastPart <= len(text); at++ {
		if !pieces[text[at:at+leastPart]] {
			continue
		}
		if at > shown || at == 0 {
			out.WriteString(text[shown:at])
			out.WriteString(hidden)
		}
		shown = at + leastPart
	}
	out.WriteString(text[shown:])
	return out.String()
}
