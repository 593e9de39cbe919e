package catalogue

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/text/unicode/norm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func load(t *testing.T) *Catalogue {
	t.Helper()
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Three files that drift apart would show a raw key, or a sentence without its number, in one language only.
func TestLocalesAgree(t *testing.T) {
	t.Parallel()
	c := load(t)
	want := slices.Sorted(maps.Keys(c.texts[Default]))
	for _, locale := range Locales() {
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(c.texts[locale]))); diff != "" {
			t.Errorf("keys of %s differ from %s (-%s +%s):\n%s", locale, Default, Default, locale, diff)
		}
		for key, text := range c.texts[locale] {
			if text == "" || text != strings.TrimSpace(text) || !norm.NFC.IsNormalString(text) || strings.Contains(text, "\r") {
				t.Errorf("%s %s: empty, padded, not NFC or with CR: %q", locale, key, text)
			}
			if diff := cmp.Diff(sorted(placeholders(c.texts[Default][key])), sorted(placeholders(text))); diff != "" {
				t.Errorf("%s %s: placeholders differ from %s:\n%s", locale, key, Default, diff)
			}
		}
	}
}

// encoding/json keeps the last of two equal keys silently: an edit of the first would have no effect.
func TestNoKeyTwice(t *testing.T) {
	t.Parallel()
	for _, locale := range Locales() {
		raw, err := files.ReadFile("texts/" + locale + ".json")
		if err != nil {
			t.Fatal(err)
		}
		decoder, seen, isKey := json.NewDecoder(bytes.NewReader(raw)), make(map[string]bool), false
		for {
			token, err := decoder.Token()
			if err != nil {
				break
			}
			word, ok := token.(string)
			isKey = ok && !isKey
			if isKey && seen[word] {
				t.Errorf("%s: %s stands twice", locale, word)
			}
			if isKey {
				seen[word] = true
			}
		}
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	c := load(t)
	params := map[string]string{"name": "{position}", "position": "3"}
	for _, tt := range []struct{ name, locale, key, want string }{
		{"one pass only", "en", "prompt.moved", "“{position}” is now at place 3"},
		{"unknown locale", "fr", "confirm.run", "AI解析を実行しますか?"},
		{"unknown key", "en", "no.such.key", "no.such.key"},
		{"missing value", "en", "form.count", "{count} / {max} characters"},
	} {
		if got := c.Text(tt.locale, tt.key, params); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	c := load(t)
	for _, locale := range Locales() {
		var got map[string]string
		if err := json.Unmarshal(c.JSON(locale), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.texts[locale], got); diff != "" {
			t.Errorf("%s: the browser reads other texts:\n%s", locale, diff)
		}
	}
	for _, locale := range []string{"", "fr", "../ja", "JA"} {
		if got := c.JSON(locale); got != nil {
			t.Errorf("JSON(%q) = %d bytes, want nil", locale, len(got))
		}
	}
}

func TestExamples(t *testing.T) {
	t.Parallel()
	c := load(t)
	var names []string
	for _, example := range c.Examples("ja") {
		names = append(names, example.Name)
	}
	if diff := cmp.Diff([]string{"要約", "キーワードピックアップ", "VOC抽出", "FAQ抽出", "応対チェック"}, names); diff != "" {
		t.Errorf("Japanese names:\n%s", diff)
	}
	for _, locale := range Locales() {
		seen := make(map[string]bool)
		for _, example := range c.Examples(locale) {
			if seen[example.Name] || utf8.RuneCountInString(example.Name) > 255 {
				t.Errorf("%s: name %q is taken or too long", locale, example.Name)
			}
			seen[example.Name] = true
			if n := utf8.RuneCountInString(example.Text); n > 1000 {
				t.Errorf("%s %s: %d characters, a prompt may have 1000", locale, example.Name, n)
			}
			if !strings.Contains(example.Text, "[12]") && !strings.Contains(example.Text, "[8]") {
				t.Errorf("%s %s: does not show how to name an utterance", locale, example.Name)
			}
		}
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ header, account, want string }{
		{"", "", "ja"},
		{"", "en", "en"},
		{"", "pt", "pt-BR"},
		{"", "nonsense-locale-name", "ja"},
		{"ja", "en", "ja"},
		{"en-GB,en;q=0.9", "ja", "en"},
		{"pt-PT", "ja", "pt-BR"},
		{"fr;q=0.9, pt-BR;q=0.4, en;q=0.7", "", "en"},
		{"fr", "en", "en"},
		{"ko-KR, fr", "", "ja"},
		{"*", "pt-BR", "pt-BR"},
		{"en;q=0, ja;q=0.1", "", "ja"},
		{"en;q=abc, ;;;", "pt-BR", "pt-BR"},
		{strings.Repeat("x-", 4000), "en", "en"},
	} {
		if got := Match(tt.header, tt.account); got != tt.want {
			t.Errorf("Match(%.40q, %q) = %s, want %s", tt.header, tt.account, got, tt.want)
		}
	}
}

func sorted(names []string) []string {
	slices.Sort(names)
	return names
}
