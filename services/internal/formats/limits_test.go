package formats

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

func TestLimitsAreNamedWithTheirPlace(t *testing.T) {
	t.Parallel()
	words := strings.Repeat("x", maxText)
	said := strings.TrimSuffix(strings.Repeat(`{"text":"a"},`, maxUtterances), ",")
	vconOf := func(body string) string {
		return `{"uuid":"u","parties":[],"dialog":[],"analysis":[{"type":"transcript","body":[` + body + `]}]}`
	}
	for _, tt := range []struct {
		name, file, code, field string
	}{
		{"a text of the limit", `{"id":"c","utterances":[{"text":"` + words + `"}]}`, "", ""},
		{"a text beyond it", `{"id":"c","utterances":[{"text":"a"},{"text":"` + words + `x"}]}`, "UTTERANCE_TOO_LARGE", "utterances[1].text"},
		{"a text of a vCon", vconOf(`{"message":"` + words + `x"}`), "UTTERANCE_TOO_LARGE", "analysis[0].body[0].message"},
		{"utterances of the limit", `{"id":"c","utterances":[` + said + `]}`, "", ""},
		{"one more", `{"id":"c","utterances":[` + said + `,{"text":"b"}]}`, "CALL_TOO_LARGE", "utterances"},
		{"no utterances", `{"id":"c","utterances":[]}`, "FIELD_REQUIRED", "utterances"},
		{"no id", `{"utterances":[{"text":"a"}]}`, "FIELD_REQUIRED", "id"},
		{"an id of a line break", `{"id":"a\nb","utterances":[{"text":"a"}]}`, "FIELD_INVALID", "id"},
		{"a text that is none", `{"id":"c","utterances":[{"text":5}]}`, "FIELD_INVALID", "utterances[0].text"},
		{"an utterance that is none", `{"id":"c","utterances":[{"text":"a"},7]}`, "FIELD_INVALID", "utterances[1]"},
		{"a time beyond all", `{"id":"c","utterances":[{"start_sec":1e999}]}`, "FIELD_INVALID", "utterances[0].start_sec"},
		{"not a number", `{"id":"c","utterances":[{"start_sec":NaN}]}`, "INVALID", "utterances[0].start_sec"},
		{"a member twice", `{"id":"c","utterances":[{"text":"a","text":"b"}]}`, "INVALID", "utterances[0].text"},
		{"another kind", `{"id":"c","utterances":[{"text":"a","kind":"x"}]}`, "FIELD_INVALID", "utterances[0].kind"},
		{"half a document", `{"id":"c","utterances":[{"text":"a"}`, "FORMAT_UNKNOWN", ""},
		{"nothing known", `{"a":1}`, "FORMAT_UNKNOWN", ""},
		{"nothing", ``, "FORMAT_UNKNOWN", ""},
		{"another encoding", "\xff\xfe{\x00", "INVALID", ""},
		{"a surrogate alone", `{"id":"c","utterances":[{"text":"\ud800"}]}`, "", ""},
		{"a zero byte", "{\"id\":\"c\x00\",\"utterances\":[{\"text\":\"a\"}]}", "INVALID", "id"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			docs := readAll(t, tt.file, Options{})
			if len(docs) != 1 {
				t.Fatalf("%d documents", len(docs))
			}
			f, _ := fault.As(docs[0].Err)
			if fault.CodeOf(docs[0].Err) != tt.code || f != nil && f.Field != tt.field {
				t.Errorf("got %v, want %s (%s)", docs[0].Err, tt.code, tt.field)
			}
		})
	}
}

// Each of these files made something slow or large at some time in some reader of JSON.
func TestSpitefulFilesAreRefusedInTime(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	for name, file := range map[string]string{
		"deep":            strings.Repeat("[", size),
		"deep object":     strings.Repeat(`{"a":`, size/5),
		"many members":    manyMembers(10_000),
		"many parties":    `{"parties":[` + people(5000) + `],"dialog":[],"analysis":[{"type":"transcript","body":[` + people(5000) + `]}]}`,
		"many dialogs":    `{"parties":[],"dialog":[` + strings.Repeat(`{},`, 30_000) + `{}]}`,
		"many analyses":   `{"dialog":[` + strings.Repeat(`{"type":"text","body":"a"},`, 5000) + `{}],"analysis":[` + scripts(5000) + `]}`,
		"many lines":      `{"dialog":[],"analysis":[{"type":"transcript","body":"` + strings.Repeat(`a\n`, size/3) + `"}]}`,
		"many utterances": `{"id":"c","utterances":[` + strings.Repeat(`{},`, 30_000) + `{}]}`,
		"quotes":          `{"uuid":"` + strings.Repeat(`\"`, size/2-20),
		"backslashes":     `{"uuid":"` + strings.Repeat(`\`, size),
		"one id":          `{"id":"c","utterances":[` + strings.Repeat(`{"id":"x"},`, maxUtterances-1) + `{"id":"x"}]}`,
		"too large":       strings.Repeat(" ", maxDocument+1),
		"python in depth": `{"uuid":"u","dialog":[],"parties":[],"analysis":[{"type":"transcript","body":"` + strings.Repeat("(", size) + `"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for d, err := range Read(strings.NewReader(file), Options{Findings: true}) {
				if err != nil {
					t.Fatal(err)
				}
				sound(t, d)
			}
		})
	}
}

func TestValuesAreBounded(t *testing.T) {
	t.Parallel()
	for beyond, code := range map[int]string{0: "", 1: "BODY_TOO_LARGE"} {
		d := &decoder{in: "[0,0,0]", n: &notes{}, values: maxValues - 4 + beyond} // so many are behind it
		if err := d.document(&node{}); fault.CodeOf(err) != code {
			t.Errorf("%d beyond the limit: %v", beyond, err)
		}
	}
}

func TestFindingsAreBounded(t *testing.T) {
	t.Parallel()
	const members = 5000
	found := readAll(t, manyMembers(members), Options{})[0].Findings
	last := found[len(found)-2] // the refusal comes after it
	if len(found) != maxFindings+2 || last.Note != noteMore || last.Count != members+2-maxFindings {
		t.Errorf("%d findings, the last %+v, %+v", len(found), last, found[len(found)-1])
	}
}

// people are as many members of a list, each with a name of its own.
func people(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"name":"p%d","role":"agent","text":"a"},`, i)
	}
	return strings.TrimSuffix(b.String(), ",")
}

// scripts are as many transcripts, each of its own dialog.
func scripts(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"type":"transcript","dialog":[%d],"body":"a"},`, i)
	}
	return strings.TrimSuffix(b.String(), ",")
}

func manyMembers(n int) string {
	var b strings.Builder
	b.WriteString(`{"parties":[],"dialog":[]`)
	for i := range n {
		fmt.Fprintf(&b, `,"k%d":%d`, i, i)
	}
	return b.String() + "}"
}
