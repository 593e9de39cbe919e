package formats

import (
	"bytes"
	"strconv"
)

// members tells which members the object has that a document is, each with the first byte of its value: {, [, ", t, f,
// n, - or a digit. It is nil for what is no single JSON object. It looks at brackets and quotes alone, without building
// anything: detection asks it of every document.
func members(raw []byte) map[string]byte {
	raw = bytes.TrimSpace(raw)
	if len(raw) < 2 || raw[0] != '{' || raw[len(raw)-1] != '}' {
		return nil
	}
	out := map[string]byte{}
	depth, key, wantKey, wantValue := 0, "", false, false
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c <= ' ' {
			continue
		}
		if wantValue {
			out[key], wantValue = c, false
		}
		switch c {
		case '"':
			end := endOfString(raw, i)
			if end < 0 {
				return nil
			}
			if depth == 1 && wantKey {
				key, wantKey = unquoted(raw[i:end+1]), false
			}
			i = end
		case ':':
			wantValue = depth == 1
		case ',':
			wantKey = depth == 1
		case '{', '[':
			depth++
			wantKey = depth == 1
		case '}', ']':
			if depth--; depth == 0 && i < len(raw)-1 {
				return nil
			}
		}
	}
	if depth != 0 {
		return nil
	}
	return out
}

// endOfString is where the string that begins at from ends; -1 if it does not.
func endOfString(raw []byte, from int) int {
	for i := from + 1; i < len(raw); i++ {
		j := bytes.IndexByte(raw[i:], '"')
		if j < 0 {
			return -1
		}
		i += j
		back := 0
		for raw[i-1-back] == '\\' {
			back++
		}
		if back%2 == 0 {
			return i
		}
	}
	return -1
}

// unquoted is a key without its quotes; escapes that only JSON has do not matter to detection.
func unquoted(raw []byte) string {
	if s, err := strconv.Unquote(string(raw)); err == nil {
		return s
	}
	return string(raw)
}
