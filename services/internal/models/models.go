package models

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Tokenizers by which a model's tokens can be counted.
const (
	// O200k is the vocabulary of OpenAI's models since gpt-4o.
	O200k = "o200k_base"
	// Cl100k is the vocabulary of gpt-4 and gpt-3.5, which needs half as many tokens more for Japanese.
	Cl100k = "cl100k_base"
	// Characters counts a token a character, which is more than a model of any known vocabulary needs for speech.
	Characters = "characters"
)

//go:embed models.json
var shipped []byte

// Model is what the file says of a model.
type Model struct {
	// Name as a key gives it, without the day of a version and without what fine-tuning adds.
	Name string `json:"name"`
	// Window is how many tokens question and answer may have together.
	Window int64 `json:"window"`
	// MaxOutput is how many tokens an answer may have.
	MaxOutput int64 `json:"maxOutput"`
	// Tokenizer is one of the constants of this package.
	Tokenizer string `json:"tokenizer"`
	// Input, Cached and Output are prices in US dollars for a million tokens, as decimals; "" is not known.
	Input  string `json:"input"`
	Cached string `json:"cached"`
	Output string `json:"output"`
	// Shutdown is the day on which the provider ends the model, as 2027-01-14; "" is not announced.
	Shutdown string `json:"shutdown"`
}

// Table is a file that was read and checked. It never changes and is safe for concurrent use.
type Table struct {
	// Date is the day the file was made, as 2026-11-05.
	Date string `json:"date"`
	// Default is the model of a new key of OpenAI that names none; it is one of Models.
	Default string `json:"default"`
	// Models in the order they are offered.
	Models []Model `json:"models"`
}

// Load reads the file at a path; "" reads the one shipped with the binary. The error names the first thing in the file
// that cannot be right: half a table would be taken for the whole.
func Load(path string) (*Table, error) {
	data, name := shipped, "models.json"
	if path != "" {
		var err error
		name = path
		if data, err = os.ReadFile(path); err != nil {
			return nil, fmt.Errorf("models: %w", err)
		}
	}
	t := &Table{}
	in := json.NewDecoder(bytes.NewReader(data))
	in.DisallowUnknownFields() // a misspelled member would be a value that is not there
	err := in.Decode(t)
	if err == nil && !errors.Is(in.Decode(&struct{}{}), io.EOF) {
		err = errors.New("something stands behind the table")
	}
	if err == nil {
		err = t.check()
	}
	if err != nil {
		return nil, fmt.Errorf("models: %s: %w", name, err)
	}
	return t, nil
}

func (t *Table) check() error {
	if _, err := time.Parse(time.DateOnly, t.Date); err != nil {
		return fmt.Errorf("date %q is no day", t.Date)
	}
	seen := map[string]bool{}
	for _, m := range t.Models {
		if seen[m.Name] || m.Name == "" || bare(m.Name) != m.Name {
			return fmt.Errorf("model %q: named twice, not at all, or with the day of a version", m.Name)
		}
		seen[m.Name] = true
		if err := m.check(); err != nil {
			return fmt.Errorf("model %q: %w", m.Name, err)
		}
	}
	if !seen[t.Default] {
		return fmt.Errorf("the default %q is none of the models", t.Default)
	}
	return nil
}

// decimal is a price: digits, and behind a point some more.
var decimal = regexp.MustCompile(`^\d{1,6}(\.\d{1,6})?$`)

func (m Model) check() error {
	if m.Window <= 0 || m.MaxOutput <= 0 || m.MaxOutput > m.Window {
		return errors.New("window and maxOutput are positive, and an answer fits into the window")
	}
	if !slices.Contains([]string{O200k, Cl100k, Characters}, m.Tokenizer) {
		return fmt.Errorf("there is no tokenizer %q", m.Tokenizer)
	}
	for _, price := range []string{m.Input, m.Cached, m.Output} {
		if price != "" && !decimal.MatchString(price) {
			return fmt.Errorf("%q is no price", price)
		}
	}
	if _, err := time.Parse(time.DateOnly, m.Shutdown); err != nil && m.Shutdown != "" {
		return fmt.Errorf("shutdown %q is no day", m.Shutdown)
	}
	return nil
}

// version is the end of a model's name that says of which day it is.
var version = regexp.MustCompile(`-\d{4}-\d{2}-\d{2}$`)

// bare is the name under which a model stands in the file: of a fine-tuned one ("ft:gpt-x:org::id") the model it was
// made from, and without the day of a version.
func bare(model string) string {
	if rest, ok := strings.CutPrefix(model, "ft:"); ok {
		model, _, _ = strings.Cut(rest, ":")
	}
	return version.ReplaceAllString(model, "")
}

// Find returns what is known of a model by the name a key gives; ok is false when nothing is.
func (t *Table) Find(model string) (m Model, ok bool) {
	i := slices.IndexFunc(t.Models, func(m Model) bool { return m.Name == bare(model) })
	if i < 0 {
		return Model{}, false
	}
	return t.Models[i], true
}

// Offered returns the models that the provider has not ended by a day, in the order of the file.
func (t *Table) Offered(on time.Time) []Model {
	return slices.DeleteFunc(slices.Clone(t.Models), func(m Model) bool {
		return m.Shutdown != "" && m.Shutdown <= on.UTC().Format(time.DateOnly)
	})
}
