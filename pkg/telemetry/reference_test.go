package telemetry_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// made finds where a metric is made: all are, by these methods alone.
var made = regexp.MustCompile(`\.(Counter|Level|Seconds|Gauge)\(\s*"([^"]+)"`)

// listed finds the first column of the table.
var listed = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (counter|gauge|histogram), ")

// Everything that is measured is told of in the reference, and the other way round, under the name it is scraped by.
func TestTheReferenceListsEveryMetric(t *testing.T) {
	t.Parallel()
	const root = "../.."
	want := map[string]string{ // those of libraries
		"http_server_request_duration_seconds": "histogram",
		"rpc_server_call_duration_seconds":     "histogram",
		"rpc_client_call_duration_seconds":     "histogram",
		"target_info":                          "gauge",
	}
	for _, module := range []string{"pkg", "services"} {
		err := filepath.WalkDir(filepath.Join(root, module), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range made.FindAllStringSubmatch(string(text), -1) {
				name, kind := scraped(m[1], m[2])
				want[name] = kind
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(want) < 15 {
		t.Fatalf("only %d metrics were found: %v", len(want), want)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "reference", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, m := range listed.FindAllStringSubmatch(string(page), -1) {
		got[m[1]] = m[2]
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			t.Errorf("%s is a %s and listed as %q", name, want[name], got[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if want[name] == "" {
			t.Errorf("%s is listed and not measured", name)
		}
	}
}

// scraped is a metric's name and type on the page.
func scraped(method, name string) (onPage, kind string) {
	onPage = strings.ReplaceAll(name, ".", "_")
	switch method {
	case "Counter":
		return onPage + "_total", "counter"
	case "Seconds":
		return onPage + "_seconds", "histogram"
	}
	return onPage, "gauge"
}
