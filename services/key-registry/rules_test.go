package keys_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/services/internal/chars"
	keys "github.com/kikigaki/kikigaki/services/key-registry"
)

// kinds of characters, with what of each is stored: a character is a code point in its composed form, so that か and its
// voicing mark are one, あ and one, which have no composed form, two, and the seven of a family of emoji seven.
func characters() map[string]string {
	return map[string]string{
		"a": "a", "字": "字", "𠮷": "𠮷", "か\u3099": "が", "あ\u3099": "あ\u3099", "👍": "👍",
		"👨\u200d👩\u200d👧\u200d👦": "👨\u200d👩\u200d👧\u200d👦",
	}
}

// bounded is a field with a limit; one that travels in a header takes visible ASCII alone.
type bounded struct {
	most   int
	header bool
	azure  bool
	draft  func(d *keyv1.KeyDraft, text string)
	change func(r *keyv1.UpdateKeyRequest, text string)
	stored func(k *keyv1.Key) string
}

func boundedFields() map[string]bounded {
	return map[string]bounded{
		"name": {
			255, false, false, func(d *keyv1.KeyDraft, v string) { d.Name = v },
			func(r *keyv1.UpdateKeyRequest, v string) { r.Name = &v }, (*keyv1.Key).GetName,
		},
		"memo": {
			500, false, false, func(d *keyv1.KeyDraft, v string) { d.Memo = v },
			func(r *keyv1.UpdateKeyRequest, v string) { r.Memo = &v }, (*keyv1.Key).GetMemo,
		},
		"model": {
			255, false, false, func(d *keyv1.KeyDraft, v string) { d.Model = v },
			func(r *keyv1.UpdateKeyRequest, v string) { r.Model = &v }, (*keyv1.Key).GetModel,
		},
		"deployment": {
			255, false, true, func(d *keyv1.KeyDraft, v string) { d.Deployment = v },
			func(r *keyv1.UpdateKeyRequest, v string) { r.Deployment = &v }, (*keyv1.Key).GetDeployment,
		},
		"secret": {
			200, true, false, func(d *keyv1.KeyDraft, v string) { d.Secret = v },
			func(r *keyv1.UpdateKeyRequest, v string) { r.Secret = &v }, nil,
		},
		"organizationId": {
			255, true, false, func(d *keyv1.KeyDraft, v string) { d.OrganizationId = v },
			func(r *keyv1.UpdateKeyRequest, v string) { r.OrganizationId = &v }, (*keyv1.Key).GetOrganizationId,
		},
		"projectId": {
			255, true, false, func(d *keyv1.KeyDraft, v string) { d.ProjectId = v },
			func(r *keyv1.UpdateKeyRequest, v string) { r.ProjectId = &v }, (*keyv1.Key).GetProjectId,
		},
	}
}

// TestLengthsAreCountedInCharacters: each field takes exactly so many of each kind of character, and not one more, when a
// key is entered as when it is changed, and keeps them as they were.
func TestLengthsAreCountedInCharacters(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.one()
	for field, f := range boundedFields() {
		for one, kept := range characters() {
			d := draft(fmt.Sprintf("%s of %+q", field, one))
			if f.azure {
				d.Kind, d.BaseUrl = "azure_openai", b.URL
			}
			k, full := create(t, s, d), exactly(one, f.most)
			d.Name += "?"
			for _, more := range []string{one, "a"} {
				for way, err := range f.refused(t, s, k, d, full+more) {
					told, _ := fault.As(err)
					if !names(err, "FIELD_TOO_LONG", field) || told.Params["limit"] != fmt.Sprint(f.most) {
						t.Errorf("%s, %s: %q and %q: %v", field, way, one, more, err)
					}
				}
			}
			if f.header && one != "a" {
				for way, err := range f.refused(t, s, k, d, full) {
					if !names(err, "FIELD_INVALID", field) {
						t.Errorf("%s, %s: %d of %q: %v", field, way, f.most, one, err)
					}
				}
				continue
			}
			f.accepted(t, s, k, d, full, strings.ReplaceAll(full, one, kept))
		}
	}
}

// refused changes a key and enters another, neither of which may be saved.
func (f bounded) refused(t *testing.T, s *keys.Service, k *keyv1.Key, d *keyv1.KeyDraft, text string) map[string]error {
	t.Helper()
	d, change := proto.CloneOf(d), &keyv1.UpdateKeyRequest{Id: k.GetId(), Revision: 1}
	f.draft(d, text)
	f.change(change, text)
	_, created := try(t, s, d)
	_, changed := update(t, s, change)
	return map[string]error{"entered": created, "changed": changed}
}

// accepted changes a key, and enters another in its place, as it must be kept.
func (f bounded) accepted(t *testing.T, s *keys.Service, k *keyv1.Key, d *keyv1.KeyDraft, text, want string) {
	t.Helper()
	change := &keyv1.UpdateKeyRequest{Id: k.GetId(), Revision: 1}
	f.change(change, text)
	changed, err := update(t, s, change)
	if err != nil || f.stored != nil && f.stored(changed) != want {
		t.Errorf("changed to %q: %v, %v", text, changed, err)
	}
	if _, err := s.DeleteKey(admin(t), &keyv1.DeleteKeyRequest{Id: k.GetId()}); err != nil {
		t.Error(err)
	}
	f.draft(d, text)
	created, err := try(t, s, d)
	if err != nil || f.stored != nil && f.stored(created) != want {
		t.Errorf("entered %q: %v, %v", text, created, err)
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
	d.MaxOutputTokens, d.Memo = 1_000_000, strings.Repeat("\r\n", 500) // a line break is one
	if k := create(t, s, d); k.GetMemo() != strings.Repeat("\n", 500) {
		t.Errorf("got %q", k.GetMemo())
	}
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
