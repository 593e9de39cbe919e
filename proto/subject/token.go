package subject

import (
	"encoding/base64"
	"strings"
)

// maxPlain is the longest id that stands in a subject as it is, in bytes.
const maxPlain = 128

// Token makes an id one token of a subject. Ids of letters, digits, "_" and "-" that do not begin with "_" stand as
// they are, up to 128 bytes; every other id becomes "~" and its unpadded base64url. "_" at the start is kept for our
// own tokens, such as the order of prompts. Equal tokens mean equal ids.
func Token(id string) string {
	if plain(id) {
		return id
	}
	return "~" + base64.RawURLEncoding.EncodeToString([]byte(id))
}

// ID turns a token back into the id it was made from; false for what Token never makes.
func ID(token string) (string, bool) {
	encoded, found := strings.CutPrefix(token, "~")
	if !found {
		return token, plain(token)
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || plain(string(raw)) {
		return "", false
	}
	return string(raw), true
}

func plain(id string) bool {
	if id == "" || len(id) > maxPlain || id[0] == '_' {
		return false
	}
	for i := range len(id) {
		if !plainByte(id[i]) {
			return false
		}
	}
	return true
}

func plainByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}
