package llm

import (
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// FuzzRedact is a fence: whatever a provider writes around a key, no piece of it stays.
func FuzzRedact(f *testing.F) {
	f.Add("Incorrect API key provided: ", "sk-proj-4mT9wQxZ7bL2", 3, 9)
	f.Add("\xff…字", "secretsecret", 0, 12)
	f.Add("", "sk-sk-sk-sk-", 1, 11)
	f.Add("[secret][secre", "cret][sec", 2, 7)
	f.Fuzz(func(t *testing.T, around, key string, from, to int) {
		if len(key) > 300 || strings.ContainsAny(key, "[]\x00") || from < 0 || to > len(key) || from > to {
			t.Skip()
		}
		text := around + key[from:to] + around + key
		got := strings.ReplaceAll(blot(text, key), hidden, "\x00")
		head := max(0, len(publicHead.FindString(key))-leastPart+1)
		for at := head; at+leastPart <= len(key); at++ {
			if part := key[at : at+leastPart]; strings.Contains(got, part) {
				t.Fatalf("%q of %q stays in %q", part, key, got)
			}
		}
	})
}

func TestWhatHoldsNoKeyStaysAsItIs(t *testing.T) {
	t.Parallel()
	const key = "sk-proj-4mT9wQxZ7bL2"
	for text, want := range map[string]string{
		"":                            "",
		"The project is not known.":   "The project is not known.",
		"モデルがありません":                   "モデルがありません",
		"key 4mT9.":                   "key [secret].",
		"4mT9w is 7bL2":               "[secret] is [secret]",
		"4mT":                         "4mT",
		key + key:                     "[secret]",
		"a: sk-other-Key12, sk-***xy": "a: [secret], [secret]",
	} {
		if got := redact(text, key); got != want {
			t.Errorf("%q: got %q", text, got)
		}
		if got := redact(text, ""); strings.Contains(got, "sk-") {
			t.Errorf("%q without a key: got %q", text, got)
		}
	}
}
