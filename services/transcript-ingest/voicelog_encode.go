package ingest

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Who speaks, in the simple form.
const (
	simpleOtherParty = "お客様 : "
	simpleAgent      = "オペレータ : "
)

// simpleForm is a line an utterance, each ended by a line feed. Marks of a recogniser that could not be reached are left
// out; line breaks within an utterance become one space, since they would read as another utterance.
func simpleForm(dst []byte, lines []voiceLine) []byte {
	for _, l := range lines {
		switch speakerType(l.Utterance) {
		case typeAgent:
			dst = append(dst, simpleAgent...)
		case typeOtherParty:
			dst = append(dst, simpleOtherParty...)
		default:
			continue
		}
		dst = append(appendFlat(dst, l.GetText()), '\n')
	}
	return dst
}

// lineBreaks are what Unicode says that a line ends with.
const lineBreaks = "\n\v\f\r\u0085\u2028\u2029"

// appendFlat appends a text in which each run of line breaks is one space.
func appendFlat(dst []byte, text string) []byte {
	for {
		at := strings.IndexAny(text, lineBreaks)
		if at < 0 {
			return append(dst, text...)
		}
		dst = append(append(dst, text[:at]...), ' ')
		text = strings.TrimLeft(text[at:], lineBreaks)
	}
}

// detailedForm is a bare array of objects, their members in the order of the manual.
func detailedForm(dst []byte, call string, lines []voiceLine) []byte {
	requestID := appendQuoted(nil, call)
	dst = append(dst, '[')
	for i, l := range lines {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendDetails(dst, requestID, l)
	}
	return append(dst, ']')
}

func appendDetails(dst, requestID []byte, l voiceLine) []byte {
	dst = strconv.AppendInt(append(dst, `{"id":`...), l.id, 10)
	dst = strconv.AppendInt(append(dst, `,"order":`...), l.order, 10)
	dst = append(append(dst, `,"request_id":`...), requestID...)
	dst = appendSeconds(append(dst, `,"speak_start_sec":"`...), l.StartSec)
	dst = strconv.AppendInt(append(dst, `","speaker_type":`...), int64(speakerType(l.Utterance)), 10)
	dst = appendQuoted(append(dst, `,"text":`...), l.GetText())
	dst = appendSeconds(append(dst, `,"voice_duration_sec":"`...), l.DurationSec)
	dst = append(append(dst, `","voice_log_type":"`...), voiceLogType(l.GetVendor())...)
	dst = appendStamp(append(dst, `","created_at":"`...), l.GetCreatedAt().AsTime())
	dst = appendStamp(append(dst, `","updated_at":"`...), l.GetUpdatedAt().AsTime())
	return append(dst, `"}`...)
}

// appendSeconds writes seconds with two decimals. Further ones are cut off, not rounded, and off the number as it is
// written: in binary 0.29 is a little less. What nobody said is 0.00.
func appendSeconds(dst []byte, v *float64) []byte {
	if v == nil {
		return append(dst, "0.00"...)
	}
	begin := len(dst)
	dst = strconv.AppendFloat(dst, *v, 'f', -1, 64)
	point := bytes.IndexByte(dst[begin:], '.')
	if point < 0 {
		dst = append(dst, '.')
		point = len(dst) - begin - 1
	}
	for len(dst) < begin+point+3 {
		dst = append(dst, '0')
	}
	dst = dst[:begin+point+3]
	if string(dst[begin:]) == "-0.00" { // nothing is left of it that could be negative
		dst = append(dst[:begin], "0.00"...)
	}
	return dst
}

// appendStamp writes a time as "2023-02-27 11:29:19", in Japan's time.
func appendStamp(dst []byte, at time.Time) []byte {
	return inJapan(at).AppendFormat(dst, time.DateTime)
}

// inJapan is a time whose date and clock read as they do in Japan: nine hours ahead, summer and winter.
func inJapan(at time.Time) time.Time { return at.UTC().Add(9 * time.Hour) }

// appendQuoted writes a JSON string as encoding/json does where HTML is not escaped: what is not UTF-8 becomes U+FFFD,
// and U+2028 and U+2029, which end a line in JavaScript, are escaped.
func appendQuoted(dst []byte, text string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(text); {
		if b := text[i]; b < utf8.RuneSelf {
			if b < ' ' || b == '"' || b == '\\' {
				dst = appendEscaped(append(dst, text[from:i]...), b)
				from = i + 1
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		if wrong := r == utf8.RuneError && size == 1; wrong || r == '\u2028' || r == '\u2029' {
			dst = append(append(dst, text[from:i]...), `\u`...)
			dst = strconv.AppendInt(dst, int64(r), 16)
			from = i + size
		}
		i += size
	}
	return append(append(dst, text[from:]...), '"')
}

func appendEscaped(dst []byte, b byte) []byte {
	const hex = "0123456789abcdef"
	switch b {
	case '"', '\\':
		return append(dst, '\\', b)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hex[b>>4], hex[b&0xf])
}
