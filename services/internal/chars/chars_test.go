package chars_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/services/internal/chars"
)

// samples are one "character" each to a reader, of one or more code points.
func samples() map[string]string {
	return map[string]string{
		"ascii": "a", "kanji": "漢", "surrogate pair": "𠮷", "combining": "か\u3099", "emoji family": "👨‍👩‍👧", "crlf": "\r\n",
	}
}

func TestCountIsCodePointsAfterNFCWithLF(t *testing.T) {
	t.Parallel()
	want := map[string]int{"ascii": 1, "kanji": 1, "surrogate pair": 1, "combining": 1, "emoji family": 5, "crlf": 1}
	for name, s := range samples() {
		if got := chars.Count(s); got != want[name] {
			t.Errorf("%s: %d characters, want %d", name, got, want[name])
		}
	}
	if got := chars.Count("👨‍👩‍👧が株式会社𠮷野家"); got != 13 {
		t.Errorf("the mixed text has %d characters, want 13", got)
	}
}

func TestLimitAcceptsExactlyTheLimit(t *testing.T) {
	t.Parallel()
	for name, s := range samples() {
		n := chars.Count(s)
		full := "a" + strings.Repeat(s, 250/n) // white space alone would count as nothing
		if err := chars.Limit("name", full, 1, chars.Count(full)); err != nil {
			t.Errorf("%s: the limit itself is refused: %v", name, err)
		}
		err := chars.Limit("name", full+"x", 1, chars.Count(full))
		if fault.CodeOf(err) != "FIELD_TOO_LONG" {
			t.Errorf("%s: one more gives %v", name, err)
		}
	}
	if err := chars.Limit("name", " \n", 1, 10); fault.CodeOf(err) != "FIELD_REQUIRED" {
		t.Errorf("white space alone gives %v", err)
	}
}

func TestCutNeverSplitsWhatReadsAsOne(t *testing.T) {
	t.Parallel()
	for name, s := range samples() {
		text := chars.Normal(strings.Repeat(s, 20))
		for limit := range 30 {
			cut := chars.Cut(text, limit)
			if utf8.RuneCountInString(cut) > limit {
				t.Fatalf("%s: cut to %d has %d", name, limit, utf8.RuneCountInString(cut))
			}
			if len(cut)%len(chars.Normal(s)) != 0 {
				t.Fatalf("%s: cut to %d ends inside: %q", name, limit, cut)
			}
		}
	}
}
