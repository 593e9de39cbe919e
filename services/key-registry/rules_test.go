package keys_test

import (
	"strings"
	"testing"

	"github.com/kikigaki/kikigaki/pkg/fault"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/services/internal/chars"
	keys "github.com/kikigaki/kikigaki/services/key-registry"
)

// TestLengthsAreCountedInCharacters: exactly so many of each, and not one more, where a character is a code point in its
// composed form: か and its voicing mark are one, the seven of a family of emoji are seven.
func TestLengthsAreCountedInCharacters(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.one()
	const composed = "a 字 𠮷 か\u3099 👍 👨\u200d👩\u200d👧\u200d👦" // one character each, but for the last, which is seven
	for field, f := range map[string]struct {
		most  int
		texts string
		azure bool
		set   func(d *keyv1.KeyDraft, text string)
	}{
		"name":           {255, composed, false, func(d *keyv1.KeyDraft, text string) { d.Name = text }},
		"memo":           {500, composed + " \r\n", false, func(d *keyv1.KeyDraft, text string) { d.Memo = text }},
		"secret":         {200, "a", false, func(d *keyv1.KeyDraft, text string) { d.Secret = text }},
		"organizationId": {255, "a", false, func(d *keyv1.KeyDraft, text string) { d.OrganizationId = text }},
		"projectId":      {255, "a", false, func(d *keyv1.KeyDraft, text string) { d.ProjectId = text }},
		"model":          {255, composed, false, func(d *keyv1.KeyDraft, text string) { d.Model = text }},
		"deployment":     {255, composed, true, func(d *keyv1.KeyDraft, text string) { d.Deployment = text }},
	} {
		for n, one := range strings.Split(f.texts, " ") {
			d := draft(field + strings.Repeat("x", n))
			if f.azure {
				d.Kind, d.BaseUrl = "azure_openai", b.URL
			}
			full := exactly(one, f.most)
			f.set(d, full)
			k, err := try(t, s, d)
			if err != nil {
				t.Errorf("%s: %d of %q: %v", field, f.most, one, err)
			} else if stored := k.GetName() + k.GetMemo() + k.GetModel() + k.GetDeployment(); strings.ContainsRune(stored, '\uFFFD') {
				t.Errorf("%s: %q is stored broken", field, one)
			}
			for _, more := range []string{one, "a"} {
				f.set(d, full+more)
				if _, err := try(t, s, d); !names(err, "FIELD_TOO_LONG", field) {
					t.Errorf("%s: %q and %q: %v", field, one, more, err)
				}
			}
		}
	}
	for _, one := range strings.Split(composed, " ")[1:] { // a secret travels in a header, which takes ASCII alone
		d := draft("Letters")
		d.Secret = exactly(one, 200)
		if _, err := try(t, s, d); !names(err, "FIELD_INVALID", "secret") {
			t.Errorf("a secret of %q: %v", one, err)
		}
		d.Secret += one
		if _, err := try(t, s, d); !names(err, "FIELD_TOO_LONG", "secret") {
			t.Errorf("a secret of one more %q: %v", one, err)
		}
	}
}

// exactly is a text of one thing again and again that has so many characters; what does not fit in whole is filled up.
func exactly(one string, most int) string {
	size := chars.Count(one)
	return strings.Repeat(one, most/size) + strings.Repeat("a", most%size)
}

// names tells whether a fault has a code and a field.
func names(err error, code, field string) bool {
	f, ok := fault.As(err)
	return ok && f.Code == code && f.Field == field
}

func TestWhatAKeyMayBe(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.one()
	for name, c := range map[string]struct {
		edit        func(d *keyv1.KeyDraft)
		code, field string
	}{
		"no name":             {func(d *keyv1.KeyDraft) { d.Name = "" }, "FIELD_REQUIRED", "name"},
		"a name of two lines": {func(d *keyv1.KeyDraft) { d.Name = "a\nb" }, "FIELD_INVALID", "name"},
		"no secret":           {func(d *keyv1.KeyDraft) { d.Secret = " \n" }, "FIELD_REQUIRED", "secret"},
		"a secret of words":   {func(d *keyv1.KeyDraft) { d.Secret = "sk a" }, "FIELD_INVALID", "secret"},
		"a Japanese secret":   {func(d *keyv1.KeyDraft) { d.Secret = "sk-字" }, "FIELD_INVALID", "secret"},
		"a header's end":      {func(d *keyv1.KeyDraft) { d.OrganizationId = "o\r\nX: y" }, "FIELD_INVALID", "organizationId"},
		"no model":            {func(d *keyv1.KeyDraft) { d.Kind, d.BaseUrl, d.Model = "compatible", "http://h/v1", "" }, "FIELD_REQUIRED", "model"},
		"no place":            {func(d *keyv1.KeyDraft) { d.Kind = "compatible" }, "FIELD_REQUIRED", "baseUrl"},
		"no place of Azure":   {func(d *keyv1.KeyDraft) { d.Kind = "azure_openai" }, "FIELD_REQUIRED", "baseUrl"},
		"OpenAI's deployment": {func(d *keyv1.KeyDraft) { d.Deployment = "x" }, "FIELD_INVALID", "deployment"},
		"OpenAI's version":    {func(d *keyv1.KeyDraft) { d.ApiVersion = "2024-10-21" }, "FIELD_INVALID", "apiVersion"},
		"Azure's org":         {func(d *keyv1.KeyDraft) { d.Kind, d.BaseUrl, d.OrganizationId = "azure_openai", "http://h", "org-1" }, "FIELD_INVALID", "organizationId"},
		"a version in words":  {func(d *keyv1.KeyDraft) { d.Kind, d.BaseUrl, d.ApiVersion = "azure_openai", "http://h", "latest" }, "FIELD_INVALID", "apiVersion"},
		"a version of v1": {func(d *keyv1.KeyDraft) {
			d.Kind, d.BaseUrl, d.ApiVersion = "azure_openai", "http://h/openai/v1", "2024-10-21"
		}, "FIELD_INVALID", "apiVersion"},
		"an unknown kind": {func(d *keyv1.KeyDraft) { d.Kind = "other" }, "FIELD_INVALID", "kind"},
		"negative output": {func(d *keyv1.KeyDraft) { d.MaxOutputTokens = -1 }, "FIELD_INVALID", "maxOutputTokens"},
		"too much output": {func(d *keyv1.KeyDraft) { d.MaxOutputTokens = 1_000_001 }, "FIELD_INVALID", "maxOutputTokens"},
		"no URL":          {func(d *keyv1.KeyDraft) { d.BaseUrl = "api.example.com" }, "FIELD_INVALID", "baseUrl"},
	} {
		d := draft("Main")
		c.edit(d)
		if _, err := try(t, s, d); !names(err, c.code, c.field) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if asked := b.asked(); len(asked) != 0 {
		t.Errorf("the provider was asked %q", asked)
	}
	d := draft("Most")
	d.MaxOutputTokens = 1_000_000
	create(t, s, d)
}

func TestURLsHaveOneForm(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://api.openai.com/v1":             "https://api.openai.com/v1",
		"https://api.openai.com/v1/":            "https://api.openai.com/v1",
		"HTTPS://API.OpenAI.com:443/v1//":       "https://api.openai.com/v1",
		"http://h:80":                           "http://h",
		"http://h:443/a":                        "http://h:443/a",
		"https://h:8443/Path/Case":              "https://h:8443/Path/Case",
		"https://[::1]:443/v1":                  "https://[::1]/v1",
		"https://[2001:DB8::1]:8443/v1":         "https://[2001:db8::1]:8443/v1",
		"https://h/a%2Fb":                       "https://h/a%2Fb",
		"":                                      "",
		"api.openai.com/v1":                     "",
		"//h/v1":                                "",
		"https://":                              "",
		"https://:443/v1":                       "",
		"https:h/v1":                            "",
		"ftp://h/v1":                            "",
		"file:///etc/passwd":                    "",
		"javascript:alert(1)":                   "",
		"https://user@h/v1":                     "",
		"https://user:word@h/v1":                "",
		"https://h/v1?key=1":                    "",
		"https://h/v1?":                         "",
		"https://h/v1#part":                     "",
		"https://h:port/v1":                     "",
		"https://h/v1\nX: y":                    "",
		"https://api.openai.com\\@evil.example": "",
	} {
		got, err := keys.NormalURL(text)
		if got != want || (want == "") != names(err, "FIELD_INVALID", "baseUrl") {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
}

func TestKeysShareTheLaneOfOneLimit(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.one()
	lane := func(name, organization, project, model string) string {
		d := draft(name)
		d.OrganizationId, d.ProjectId, d.Model = organization, project, model
		return create(t, s, d).GetLane()
	}
	first := lane("1", "org-a", "", "gpt-9")
	for name, same := range map[string]string{
		"another key":                     lane("2", "org-a", "", "gpt-9"),
		"the model of a day":              lane("3", "org-a", "", "gpt-9-2025-04-14"),
		"the model of a day, in short":    lane("4", "org-a", "", "gpt-9-0613"),
		"a model tuned on it":             lane("5", "org-a", "", "ft:gpt-9:org-a::id"),
		"a model tuned on that of a day":  lane("6", "org-a", "", "ft:gpt-9-2025-04-14:org-a:name:id"),
		"what the provider calls the org": lane("7", "alias-of-org-a", "", "gpt-9"),
	} {
		if same != first {
			t.Errorf("%s has a lane of its own", name)
		}
	}
	for name, other := range map[string]string{
		"another organisation": lane("a", "org-b", "", "gpt-9"),
		"another project":      lane("b", "org-a", "p", "gpt-9"),
		"another model":        lane("c", "org-a", "", "gpt-9-mini"),
		"no organisation":      lane("d", "", "", "gpt-9"),
	} {
		if other == first {
			t.Errorf("%s is in the same lane", name)
		}
	}
	if lane("e", "", "", "gpt-9") == lane("f", "", "", "gpt-9") {
		t.Error("two keys of which nothing is known share a lane")
	}
}

func TestOnlyTheEndOfALongSecretIsShown(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.one()
	for text, want := range map[string]string{"abcdefghijk": "", "abcdefghijkl": "ijkl", secret: "Kp3n"} {
		d := draft("of " + text[:9] + want)
		d.Secret = text
		if got := create(t, s, d).GetSecretHint(); got != want {
			t.Errorf("of %d characters %q is shown", len(text), got)
		}
	}
}
