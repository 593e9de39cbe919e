package main

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// row is a line of the README's table of flags.
var row = regexp.MustCompile("(?m)^\\| `--([a-z-]+)` \\| `([A-Z_]+)` \\|")

// The README tells every flag and its environment variable, and no other; there are at most 25.
func TestTheREADMETellsEveryFlag(t *testing.T) {
	readme, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(string(readme), -1) {
		told[m[1]] = m[2]
	}
	there := map[string]string{}
	collectFlags(reflect.TypeFor[config](), there)
	collectFlags(reflect.TypeFor[apartFlags](), there)
	for flag, env := range there {
		if told[flag] != env {
			t.Errorf("--%s is %s; the README says %q", flag, env, told[flag])
		}
	}
	for flag := range told {
		if there[flag] == "" {
			t.Errorf("the README tells of --%s, which is no flag", flag)
		}
	}
	if len(there) > 25 {
		t.Errorf("%d flags", len(there))
	}
}

func collectFlags(of reflect.Type, into map[string]string) {
	for f := range of.Fields() {
		if f.Anonymous {
			collectFlags(f.Type, into)
			continue
		}
		name := f.Tag.Get("name")
		if name == "" {
			name = kebab(f.Name)
		}
		into[name] = f.Tag.Get("env")
	}
}

// kebab is a flag's name as the parser makes it of a field's: NATS is nats, MasterKeyFile is master-key-file.
func kebab(name string) string {
	words := regexp.MustCompile(`[A-Z]+$|[A-Z][a-z]+|[A-Z]+(?:[A-Z][a-z])?`).FindAllString(name, -1)
	return strings.ToLower(strings.Join(words, "-"))
}

// Which service serves what over HTTP is told by the table that the services are made from.
func TestThePathsOfTheGatewayAreThoseThatAreServed(t *testing.T) {
	served := 0
	for _, r := range roles() {
		seen := map[string]bool{}
		for _, p := range r.paths {
			if served++; seen[p] {
				t.Errorf("%s serves %s twice", r.name, p)
			}
			seen[p] = true
		}
	}
	if served < 30 {
		t.Errorf("%d paths", served)
	}
}
