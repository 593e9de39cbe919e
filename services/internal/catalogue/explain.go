package catalogue

import (
	"regexp"
	"strconv"
)

// Explanation is what a person is told about a failed analysis.
type Explanation struct {
	// Title is the name of the error, without the HTTP status that the screen puts before it.
	Title string
	// Cause is what happened, in a sentence.
	Cause string
	// Remedy is what the reader can do about it.
	Remedy string
}

// Example is one of the five ready-made prompts.
type Example struct {
	// Name has at most 255 characters.
	Name string
	// Text is the instruction for the model, at most 1000 characters.
	Text string
}

// examples is how many ready-made prompts there are.
const examples = 5

// Problem returns the title and the detail of an error code for a problem document. A code without texts of its own is
// told as INTERNAL. Where the parameter `reason` has texts of its own under a code, they are taken: a key may be refused
// for sixteen reasons, and each has another remedy. The detail is empty when a parameter it needs is missing: a sentence
// with a hole in it would be worse than none.
func (c *Catalogue) Problem(locale, code string, params map[string]string) (title, detail string) {
	if _, ok := c.lookup(locale, "problem."+code+".title"); !ok {
		code = "INTERNAL"
	}
	if _, ok := c.lookup(locale, "problem."+code+"."+params["reason"]+".title"); ok {
		code += "." + params["reason"]
	}
	key := "problem." + code + ".detail"
	if raw, _ := c.lookup(locale, key); complete(raw, params) {
		detail = fill(raw, params)
	}
	// Where somebody is named, as who was faster, and there is a detail for that, it is told who it was.
	if raw, ok := c.lookup(locale, key+".by"); ok && params["by"] != "" && complete(raw, params) {
		detail = fill(raw, params)
	}
	return c.Text(locale, "problem."+code+".title", nil), detail
}

// KeyHelp is what the form of a kind of key says of a field; field "" is of the kind as a whole. "" when there is nothing
// to say.
func (c *Catalogue) KeyHelp(locale, kind, field string) string {
	for _, key := range []string{"key.help." + kind + "." + field, "key.help." + field} {
		if field == "" {
			key = "key.help." + kind
		}
		if text, ok := c.lookup(locale, key); ok {
			return text
		}
	}
	return ""
}

// AnalysisError explains the code of a failed analysis. The kind of the key ("openai", "azure_openai", "compatible")
// decides which provider the title names. A code without texts of its own is told as PROVIDER_OTHER: an answer that
// nobody expected.
func (c *Catalogue) AnalysisError(locale, code, keyKind string) Explanation {
	if _, ok := c.lookup(locale, "analysis.error."+code+".title"); !ok {
		code = "PROVIDER_OTHER"
	}
	key := "analysis.error." + code
	title, ok := c.lookup(locale, key+".title."+keyKind)
	if !ok {
		title = c.Text(locale, key+".title", nil)
	}
	return Explanation{
		Title:  title,
		Cause:  c.Text(locale, key+".cause", nil),
		Remedy: c.Text(locale, key+".remedy", nil),
	}
}

// Examples returns the five example prompts in the order they are offered.
func (c *Catalogue) Examples(locale string) []Example {
	list := make([]Example, examples)
	for i := range list {
		key := "example." + strconv.Itoa(i+1)
		list[i] = Example{Name: c.Text(locale, key+".name", nil), Text: c.Text(locale, key+".text", nil)}
	}
	return list
}

// complete reports whether there is a value for each placeholder of a text.
func complete(text string, params map[string]string) bool {
	for _, name := range placeholders(text) {
		if _, ok := params[name]; !ok {
			return false
		}
	}
	return true
}

// placeholders returns the names in braces, in the order they stand.
func placeholders(text string) []string {
	var names []string
	for _, match := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(text, -1) {
		names = append(names, match[1])
	}
	return names
}
