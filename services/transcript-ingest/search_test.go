package ingest

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestWidthAndCaseDoNotMatter(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"ＡＢＣ abd":    "abc abd",
		"ﾃﾞﾝﾜﾊﾞﾝｺﾞｳ": "デンワバンゴウ",
		"が":          "が", // a letter and its mark, typed apart
		"０３－１２３４":    "03-1234",
		"お電話\nありがとう\u3000ございます": "お電話ありがとうございます",
		"two\n  words":    "two words",
		"電話 number 電話":    "電話 number 電話",
		"Don’t “quote”":   `don't "quote"`,
		"ΣΊΣΥΦΟΣ σίσυφος": "σίσυφοσ σίσυφοσ",
		"a\u200bb":        "ab",
		"㈱":               "(株)",
		"":                "",
	} {
		if got := foldText(text); got != want {
			t.Errorf("%q folds to %q, want %q", text, got, want)
		}
	}
}

func TestATermIsFoundWhereWordsBegin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text, term string
		want       bool
	}{
		{"the transfer", "trans", true},
		{"the transfer", "fer", false},
		{"retransfer transfer", "transfer", true},
		{"お電話ありがとうございます", "ありがとう", true},
		{"ai解析します", "析し", true},
		{"ai解析します", "ai解析", true},
		{"openai解析", "ai解析", false},
		{"解析ai", "ai", true},
		{"[noise]", "[noise]", true},
		{"注文番号は12345です", "1234", true},
		{"注文番号は12345です", "345", false},
		{"x", "。", false},
	} {
		if got := has(foldText(c.text), foldText(c.term)); got != c.want {
			t.Errorf("%q in %q: %v", c.term, c.text, got)
		}
	}
}

func TestAQueryIsItsTermsEachOnce(t *testing.T) {
	t.Parallel()
	if got := termsOf(" Refund　返金 REFUND\n ﾍﾝｷﾝ "); !slices.Equal(got, []string{"refund", "返金", "ヘンキン"}) {
		t.Errorf("%q", got)
	}
	if got := termsOf(" \t　"); got != nil {
		t.Errorf("%q", got)
	}
}

// What a text has, its signature never denies: a search that trusts the index misses nothing.
func TestASignatureDeniesNothingThatIsThere(t *testing.T) {
	t.Parallel()
	letters := rapid.StringOf(rapid.SampledFrom([]rune("abAB12漢字かなカナー・ 　\n-[]。가ไทย゙éΣ｡ｱ")))
	rapid.Check(t, func(rt *rapid.T) {
		texts := []string{foldText(letters.Draw(rt, "text")), foldText(letters.Draw(rt, "another"))}
		signature := signatureOf(texts)
		runes := []rune(texts[0])
		if len(runes) == 0 {
			return
		}
		from := rapid.IntRange(0, len(runes)-1).Draw(rt, "from")
		piece := string(runes[from:rapid.IntRange(from+1, len(runes)).Draw(rt, "to")])
		for _, term := range append(termsOf(piece), termsOf(letters.Draw(rt, "query"))...) {
			if (has(texts[0], term) || has(texts[1], term)) && !mayHave(signature, gramsFor(term)) {
				rt.Fatalf("%q is in %q", term, texts)
			}
		}
	})
}

func TestASignatureDeniesMostOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	text := foldText(strings.Repeat("お電話ありがとうございます。サービスセンターの山田が承ります。", 3))
	signature, mistaken := signatureOf([]string{text}), 0
	for r := rune(0x4E00); r < 0x4E00+2000; r++ {
		if mayHave(signature, gramsFor(string([]rune{r, r + 1}))) {
			mistaken++
		}
	}
	if mistaken > 100 { // 2 in 100 are expected
		t.Errorf("%d of 2000 pairs that are not there are taken to be", mistaken)
	}
}

func TestNumbersAreComparedByTheirDigitsFromTheEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		has, want string
		same      bool
	}{
		{"03-1234-5678", "0312345678", true},
		{"+81-3-1234-5678", "03-1234-5678", true},
		{"03-1234-5678", "+81 3 1234 5678", true},
		{"０３１２３４５６７８", "5678", true},
		{"03-1234-5678", "1234", false},
		{"", "1234", false},
		{"110", "03-1234-5110", false},
		{"0", "0", true},
		{"sip:alice", "1", false},
	} {
		if got := sameNumber(c.has, c.want); got != c.same {
			t.Errorf("%s and %s: %v", c.has, c.want, got)
		}
	}
}
