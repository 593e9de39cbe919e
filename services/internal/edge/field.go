package edge

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// fieldOf is the path of a member with the wrong type, as utterances[3].text. The decoder names the members alone, so
// the places in lists are found by reading the text again; where the two do not agree, its word is taken.
func fieldOf(text string, wrong *json.UnmarshalTypeError) string {
	path := pathAt(text, wrong.Offset)
	if regexp.MustCompile(`\[\d+\]`).ReplaceAllString(path, "") != wrong.Field {
		return wrong.Field
	}
	return path
}

// level is an object or a list that is being read.
type level struct {
	list  bool
	index int    // of the current element of a list
	key   string // of the current member of an object
	named bool   // the key has been read, its value comes next
}

// pathAt is the path of the first value that ends, or opens, at the offset or behind it; "" where there is none.
func pathAt(text string, offset int64) string {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber() // a number that fits nowhere is still a number
	var levels []level
	for {
		token, err := d.Token()
		if err != nil {
			return ""
		}
		if token == json.Delim('}') || token == json.Delim(']') {
			levels = levels[:len(levels)-1]
			continue
		}
		if n := len(levels); n > 0 {
			if name, ok := token.(string); ok && !levels[n-1].list && !levels[n-1].named {
				levels[n-1].key, levels[n-1].named = name, true
				continue
			}
			levels[n-1].index++
			levels[n-1].named = false
		}
		if d.InputOffset() >= offset {
			return join(levels)
		}
		if token == json.Delim('{') || token == json.Delim('[') {
			levels = append(levels, level{list: token == json.Delim('['), index: -1})
		}
	}
}

func join(levels []level) string {
	var b strings.Builder
	for _, l := range levels {
		switch {
		case l.list:
			b.WriteString("[" + strconv.Itoa(l.index) + "]")
		case b.Len() > 0:
			b.WriteString("." + l.key)
		default:
			b.WriteString(l.key)
		}
	}
	return b.String()
}

// jsonType is what JSON calls a type of ours: the names of our types are nobody else's.
func jsonType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Slice, reflect.Array:
		return "array"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8,
		reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		return "number"
	default:
		return "object"
	}
}
