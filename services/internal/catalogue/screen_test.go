package catalogue

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// screen reads what the console's screen is made of.
func screen(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	scripts, err := filepath.Glob("../../console/web/*.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(scripts, "../../console/web/index.html") {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(raw)
	}
	return all.String()
}

// composed is a key that the screen puts together: `notify.${type}.title` begins and ends like this.
type composed struct{ prefix, suffix string }

func (c composed) matches(key string) bool {
	return strings.HasPrefix(key, c.prefix) && strings.HasSuffix(key, c.suffix)
}

// referenced returns the keys that the screen names in full, and those it puts together (`role.${…}`, 'role.' + …). A
// quoted word is taken for a key when its first part is one of the catalogue's.
func referenced(t *testing.T, texts map[string]string) (keys []string, patterns []composed) {
	t.Helper()
	areas := make(map[string]bool)
	for key := range texts {
		area, _, _ := strings.Cut(key, ".")
		areas[area] = true
	}
	quoted := regexp.MustCompile("['\"`]([a-z]+\\.[A-Za-z_.]*)(?:\\$\\{[^}]*\\}([a-z.]*))?")
	for _, match := range quoted.FindAllStringSubmatch(screen(t), -1) {
		area, _, _ := strings.Cut(match[1], ".")
		switch {
		case !areas[area], strings.HasSuffix(match[1], ".js"): // calls.js is a file
		case strings.HasSuffix(match[1], "."):
			pattern := composed{prefix: match[1], suffix: match[2]}
			if strings.HasSuffix(pattern.suffix, ".") {
				pattern.suffix = "" // goes on with another variable: nothing is known of its end
			}
			patterns = append(patterns, pattern)
		default:
			keys = append(keys, match[1])
		}
	}
	return keys, patterns
}

func TestScreenUsesOnlyKeysThatExist(t *testing.T) {
	t.Parallel()
	texts := load(t).texts[Default]
	keys, patterns := referenced(t, texts)
	if len(keys) < 80 {
		t.Fatalf("only %d keys found in the screen: the scan no longer reads it", len(keys))
	}
	for _, key := range keys {
		// Names of events are spelled like keys: analysis.completed, call.ended.
		if _, ok := texts[key]; !ok && texts["notify."+key] == "" {
			t.Errorf("the screen uses %q, which does not exist", key)
		}
	}
	for _, pattern := range patterns {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(texts)), pattern.matches) {
			t.Errorf("the screen puts together keys like %q…%q, but there are none", pattern.prefix, pattern.suffix)
		}
	}
}

// A text that nothing shows is translated three times for nobody, and its wording is taken for the product's.
func TestNoTextIsUnused(t *testing.T) {
	t.Parallel()
	texts := load(t).texts[Default]
	used := make(map[string]bool)
	keys, patterns := referenced(t, texts)
	// The errors of analyses are put together too, but each of them is known: a leftover of one must not pass as composed.
	patterns = slices.DeleteFunc(patterns, func(c composed) bool { return c.prefix == "analysis.error." })
	for _, key := range slices.Concat(keys, codeKeys(), serverKeys()) {
		used[key] = true
	}
	for key := range texts {
		if !used[key] && !slices.ContainsFunc(patterns, func(c composed) bool { return c.matches(key) }) {
			t.Errorf("%s is used neither by the screen nor for a code", key)
		}
	}
}

// serverKeys are the keys that only the server uses: the sentences of notifications, the example prompts and what a
// check of a file says.
func serverKeys() []string {
	keys := []string{
		"notify.analysis.completed", "notify.analysis.failed", "notify.analysis.cancelled", "notify.call.ended", "notify.call.erased",
	}
	for n := 1; n <= examples; n++ {
		keys = append(keys, "example."+strconv.Itoa(n)+".name", "example."+strconv.Itoa(n)+".text")
	}
	for key := range helpKeys() {
		keys = append(keys, key)
	}
	return append(keys, findingKeys()...)
}

// helpKeys are what the form of a key says of its fields: by kind, of those that every form of key-registry has.
func helpKeys() map[string]bool {
	fields := []string{
		"name", "secret", "organizationId", "projectId", "model", "baseUrl", "deployment", "apiVersion", "maxOutputTokens", "memo",
	}
	keys := map[string]bool{}
	for _, kind := range []string{"openai", "azure_openai", "compatible"} {
		keys["key.help."+kind] = true
		for _, field := range fields {
			keys["key.help."+kind+"."+field], keys["key.help."+field] = true, true
		}
	}
	return keys
}

// The form helps with every field, and says which rights a key needs: a key without them lists models and answers nothing.
func TestTheFormOfAKeyHelpsWithEveryField(t *testing.T) {
	t.Parallel()
	c := load(t)
	for _, locale := range Locales() {
		for kind, fields := range map[string]string{
			"openai":       " name secret organizationId projectId model baseUrl maxOutputTokens memo",
			"azure_openai": " name secret baseUrl deployment apiVersion model maxOutputTokens memo",
			"compatible":   " name secret baseUrl model organizationId projectId maxOutputTokens memo",
		} {
			for field := range strings.SplitSeq(fields, " ") {
				if c.KeyHelp(locale, kind, field) == "" {
					t.Errorf("%s: no help with %s of %s", locale, field, kind)
				}
			}
		}
		help := c.KeyHelp(locale, "openai", "secret")
		for _, right := range []string{"All", "Restricted", "Models: Read", "Model capabilities: Write", "You"} {
			if !strings.Contains(help, right) {
				t.Errorf("%s does not name %q: %q", locale, right, help)
			}
		}
		if c.KeyHelp(locale, "openai", "nothing") != "" || c.KeyHelp(locale, "other", "") != "" {
			t.Errorf("%s: help with what is not there", locale)
		}
	}
}

// Every sentence about a call has to say which one: a reader has many, and the screen that asked may be long closed.
func TestNotificationsNameTheCall(t *testing.T) {
	t.Parallel()
	c := load(t)
	for _, key := range serverKeys() {
		for _, locale := range Locales() {
			if text, _ := c.lookup(locale, key); strings.HasPrefix(key, "notify.") && !slices.Contains(placeholders(text), "call") {
				t.Errorf("%s %s does not name the call: %q", locale, key, text)
			}
		}
	}
}
