package catalogue

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"strings"
)

// Default is the locale of readers about whom nothing is known, and what stands in for a locale that does not exist.
const Default = "ja"

//go:embed texts/*.json
var files embed.FS

// Catalogue is all texts in all locales. It never changes after Load and is safe for concurrent use.
type Catalogue struct {
	texts map[string]map[string]string
	json  map[string][]byte
}

// Locales returns the locales there are texts for, as BCP 47 tags, the default first.
func Locales() []string {
	return []string{Default, "en", "pt-BR"}
}

// Load reads the embedded texts. An error means that the binary was built from a broken file.
func Load() (*Catalogue, error) {
	c := &Catalogue{texts: make(map[string]map[string]string), json: make(map[string][]byte)}
	for _, locale := range Locales() {
		raw, err := files.ReadFile("texts/" + locale + ".json")
		if err != nil {
			return nil, fmt.Errorf("catalogue: %w", err)
		}
		texts := make(map[string]string)
		if err := json.Unmarshal(raw, &texts); err != nil {
			return nil, fmt.Errorf("catalogue: texts/%s.json: %w", locale, err)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, raw); err != nil {
			return nil, fmt.Errorf("catalogue: texts/%s.json: %w", locale, err)
		}
		c.texts[locale], c.json[locale] = texts, compact.Bytes()
	}
	return c, nil
}

// Text returns the text of a key with its {placeholders} replaced by params. A value is put in as it is: braces in it
// are not looked at again. A placeholder without a value stays visible, as does a key that does not exist, which is
// returned itself: a reader can report it, and nothing fails because of a word. An unknown locale reads as Default.
func (c *Catalogue) Text(locale, key string, params map[string]string) string {
	text, ok := c.lookup(locale, key)
	if !ok {
		return key
	}
	return fill(text, params)
}

// JSON returns all texts of a locale as one JSON object for the browser, or nil for a locale that does not exist. The
// bytes are shared by all callers and must not be changed.
func (c *Catalogue) JSON(locale string) []byte {
	return c.json[locale]
}

// lookup returns the raw text of a key.
func (c *Catalogue) lookup(locale, key string) (string, bool) {
	texts, ok := c.texts[locale]
	if !ok {
		texts = c.texts[Default]
	}
	text, ok := texts[key]
	return text, ok
}

// fill replaces placeholders in one pass, so that a value cannot smuggle in a placeholder of its own.
func fill(text string, params map[string]string) string {
	if len(params) == 0 || !strings.Contains(text, "{") {
		return text
	}
	pairs := make([]string, 0, 2*len(params))
	for name, value := range params {
		pairs = append(pairs, "{"+name+"}", value)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
