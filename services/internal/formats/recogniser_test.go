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
)

// checkSamples reads every sample of a format: it is recognised, its call and its findings are what stands in the golden
// file beside it (go test -update writes that anew), and nothing of it goes unmentioned.
func checkSamples(t *testing.T, f Format) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", string(f), "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d samples, %v", len(files), err)
	}
	for _, file := range files {
		if filepath.Ext(file) != ".golden" {
			t.Run(filepath.Base(file), func(t *testing.T) {
				t.Parallel()
				checkSample(t, f, file)
			})
		}
	}
}

func checkSample(t *testing.T, f Format, file string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	docs := readAll(t, string(raw), Options{})
	if len(docs) != 1 || docs[0].Format != f || docs[0].Err != nil {
		t.Fatalf("%d documents, %+v", len(docs), docs[0])
	}
	sound(t, docs[0])
	mentionsAll(t, raw, docs[0].Findings)
	golden, got := file+".golden", shown(docs[0])
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("differs from %s; got\n%s", golden, got)
	}
}

// isSilent checks that a file is a call in which nothing is said.
func isSilent(t *testing.T, f Format, file string) {
	t.Helper()
	d := readAll(t, file, Options{})[0]
	if d.Err != nil || d.Format != f || len(d.Call.Utterances) != 0 {
		t.Errorf("%s: %+v", file, d)
	}
}

// mentionsAll checks that every member of a JSON file, however deep, is in a finding or in something that is in one.
// Files that are not one JSON document are looked at by their golden files.
func mentionsAll(t rapid.TB, raw []byte, findings []Finding) {
	t.Helper()
	var doc any
	if json.Unmarshal(bytes.TrimPrefix(raw, []byte("\ufeff")), &doc) != nil {
		return
	}
	told := map[string]bool{}
	for _, f := range findings {
		if f.Note == noteMore {
			return // too many to tell
		}
		told[folded(f.Path)] = true
	}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		if told[strings.TrimPrefix(path, ".")] {
			return
		}
		switch v := v.(type) {
		case map[string]any:
			for name, m := range v {
				walk(path+step(name), m)
			}
		case []any:
			for _, m := range v {
				walk(path+"[*]", m)
			}
			if len(v) == 0 {
				t.Errorf("nobody mentions %s", path)
			}
		default:
			t.Errorf("nobody mentions %s", path)
		}
	}
	walk("", doc)
}

// fuzzFormat gives a parser whatever there is: the file is a sound call or a fault, and every member of it is mentioned.
func fuzzFormat(f *testing.F, format Format) {
	f.Helper()
	seeds(f, filepath.Join("testdata", string(format), "*"))
	f.Fuzz(func(t *testing.T, file []byte) {
		readSoundly(t, file, Options{Format: format})
		for _, d := range readAll(t, string(file), Options{Format: format}) {
			if d.Err == nil && utf8.Valid(file) {
				mentionsAll(t, file, d.Findings)
			}
		}
	})
}
