package formats

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/services/internal/chars"
)

// seeds gives a fuzz target the samples whose path a pattern matches.
func seeds(f *testing.F, pattern string) {
	f.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		f.Fatalf("%s: %d files, %v", pattern, len(names), err)
	}
	for _, name := range names {
		file, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		const most = 64 << 10 // larger ones make a fuzzer slow and find nothing more
		if line, _, _ := bytes.Cut(file, []byte("\n")); strings.HasSuffix(name, ".jsonl") {
			file = line
		}
		if len(file) < most && !strings.HasSuffix(name, ".golden") && !strings.HasSuffix(name, ".md") {
			f.Add(file)
		}
	}
}

// sound fails the test for a document that is neither refused with a fault that the catalogue knows nor a call that
// passes the checks of an append.
func sound(t rapid.TB, d Document) {
	t.Helper()
	if d.Err != nil {
		if f, ok := fault.As(d.Err); !ok || d.Call != nil || !utf8.ValidString(f.Field) {
			t.Fatalf("refused with %v and a call %v", d.Err, d.Call)
		}
		return
	}
	c := d.Call
	if !usableID(c.ID) || len(c.Utterances) == 0 && !c.silent || len(c.Utterances) > maxUtterances {
		t.Fatalf("call %q of %d utterances", c.ID, len(c.Utterances))
	}
	in := c.Details
	checks := []error{chars.OneOf("direction", in.GetDirection(), "", "inbound", "outbound")}
	for _, s := range []string{in.GetLabel(), in.GetAgentAccount(), in.GetAgentNumber(), in.GetCustomerNumber(), in.GetQueue()} {
		checks = append(checks, chars.OneLine("detail", s, 0, maxID))
	}
	for _, l := range in.GetLinks() {
		if !usableID(l.GetCallId()) || l.GetCallId() == c.ID || len(in.GetLinks()) > maxLinks {
			t.Fatalf("%v", in)
		}
	}
	for k, v := range in.GetLabels() {
		checks = append(checks, chars.OneLine("label", k, 1, maxID), chars.OneLine("label", v, 0, maxID))
	}
	if t0 := in.GetStartedAt(); t0 != nil && (t0.AsTime().Year() < 1970 || t0.AsTime().Year() > 2200) || len(in.GetLabels()) > maxLabels {
		t.Fatalf("%v", in)
	}
	type key struct {
		id      string
		version uint32
	}
	seen := map[key]bool{}
	for _, u := range c.Utterances {
		k := key{u.GetUtteranceId(), u.GetVersion()}
		if !usableID(k.id) || seen[k] || len(u.GetText()) > maxText || !utf8.ValidString(u.GetText()) {
			t.Fatalf("utterance %v", u)
		}
		seen[k] = true
		for _, s := range []float64{u.GetStartSec(), u.GetDurationSec()} {
			if !(s >= -maxSeconds && s <= maxSeconds) {
				t.Fatalf("utterance %v", u)
			}
		}
		checks = append(checks, chars.OneLine("speaker", u.GetSpeaker(), 0, maxID), chars.OneLine("vendor", u.GetVendor(), 0, maxID),
			chars.OneOf("kind", u.GetKind(), "", "utterance", "recognizer_lost"))
	}
	for _, err := range checks {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// mentioned fails the test when a member at the top of a JSON document is in no finding.
func mentioned(t rapid.TB, file []byte, d Document) {
	t.Helper()
	var top map[string]json.RawMessage
	if d.Err != nil || json.Unmarshal(file, &top) != nil {
		return
	}
	for name := range top {
		at := strings.TrimPrefix(step(name), ".")
		if strings.ContainsRune(at, '[') {
			continue // an odd name; folding may have changed its path
		}
		found := false
		for _, f := range d.Findings {
			found = found || f.Path == at || strings.HasPrefix(f.Path, at+".") || strings.HasPrefix(f.Path, at+"[")
		}
		if !found {
			t.Fatalf("%q is in no finding: %v", name, d.Findings)
		}
	}
}

// readSoundly reads a file twice, with findings and without: the calls are the same.
func readSoundly(t rapid.TB, file []byte, o Options) {
	t.Helper()
	var calls []*Call
	for _, findings := range []bool{true, false} {
		o.Findings = findings
		i := 0
		for d, err := range Read(bytes.NewReader(file), o) {
			if err != nil {
				t.Fatal(err)
			}
			sound(t, d)
			if findings {
				calls = append(calls, d.Call)
				if i == 0 && d.Format != "" {
					mentioned(t, file, d)
				}
			} else if (calls[i] == nil) != (d.Call == nil) || d.Call != nil && shown(Document{Call: calls[i]}) != shown(Document{Call: d.Call}) {
				t.Fatal("a check with findings tells another call than the import")
			}
			i++
		}
	}
}

// Whatever the bytes, a vCon is a sound call or a fault.
func FuzzVCon(f *testing.F) {
	seeds(f, "testdata/vcon/*")
	f.Fuzz(func(t *testing.T, file []byte) { readSoundly(t, file, Options{Format: VCon}) })
}

// Whatever the bytes, a dialogue is a sound call or a fault.
func FuzzJSONL(f *testing.F) {
	seeds(f, "../../story/testdata/dialogues/*.jsonl")
	f.Add([]byte(dialogueLine + "\n" + dialogueLine))
	f.Fuzz(func(t *testing.T, file []byte) { readSoundly(t, file, Options{Format: JSONL}) })
}

// Whatever the bytes, a file whose format nobody named is sound calls or faults.
func FuzzRead(f *testing.F) {
	seeds(f, "testdata/*/*")
	seeds(f, "../../story/testdata/dialogues/*.jsonl")
	f.Fuzz(func(t *testing.T, file []byte) { readSoundly(t, file, Options{}) })
}

// The decoder takes what encoding/json takes, but for what it refuses on purpose, and nothing else.
func FuzzDecode(f *testing.F) {
	seeds(f, "testdata/vcon/*")
	for _, s := range []string{`"\ud83d\ude00\ud83d"`, `[1,-0.5e+3,1e999]`, `{"a":1,"a":2}`, `[,]`, `01`, `"` + "\x01" + `"`, `nul`, "\"\\u12\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		if !utf8.Valid(file) {
			return
		}
		root, err := decode(file, &notes{})
		if err == nil != json.Valid(file) {
			reason := ""
			if e, ok := fault.As(err); ok {
				reason = e.Params["reason"]
			}
			if reason != "member_twice" && reason != "too_deep" {
				t.Fatalf("decode says %v, encoding/json says %v", err, json.Valid(file))
			}
			return
		}
		if err != nil || !root.is(text) {
			return
		}
		var want string
		if err := json.Unmarshal(file, &want); err != nil || want != root.raw() {
			t.Fatalf("%q, want %q, %v", root.raw(), want, err)
		}
	})
}

// Python literals are read without evaluating anything; whatever the bytes, there is no panic and the tree is bounded.
func FuzzPython(f *testing.F) {
	for _, s := range []string{`{'a': "it's", 'b': [1, 2.5, None, True], 3: ('x', "\u3042\x41\U0001f600")}`, `[{'a': nan}, datetime.datetime(2024, 1, 1)]`, `{'a': 'b\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n := &notes{}
		if _, err := pythonAt(s, "body", n); err == nil {
			n.rest()
		}
	})
}
