package models_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kikigaki/kikigaki/services/internal/models"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestTheDefaultIsOffered: a default that the provider has ended is what made other products' keys fail.
func TestTheDefaultIsOfferedOnTheDayOfTheFile(t *testing.T) {
	t.Parallel()
	table, err := models.Load("")
	if err != nil {
		t.Fatal(err)
	}
	made, err := time.Parse(time.DateOnly, table.Date)
	if err != nil {
		t.Fatal(err)
	}
	offered := table.Offered(made)
	if len(offered) < 10 || len(offered) == len(table.Models) || offered[0].Name != table.Default {
		t.Errorf("%d of %d models are offered, first %q", len(offered), len(table.Models), offered[0].Name)
	}
}

func TestAModelIsFoundByTheNameOfAKey(t *testing.T) {
	t.Parallel()
	table, err := models.Load("")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"gpt-4o": "gpt-4o", "gpt-4o-2024-08-06": "gpt-4o", "ft:gpt-4o-mini-2024-07-18:org::id": "gpt-4o-mini",
		"gpt-4-turbo": "gpt-4-turbo", "gpt-4": "gpt-4",
		// Nothing is guessed: the price and the window of these are not those of the name they begin with.
		"gpt-4-32k": "", "gpt-4o-realtime": "", "gpt-6": "", "llama3": "", "": "", "ft:": "",
	} {
		got, ok := table.Find(name)
		if got.Name != want || ok != (want != "") {
			t.Errorf("%q: found %q", name, got.Name)
		}
	}
	if m, _ := table.Find("gpt-4"); m.Window != 8192 || m.Tokenizer != models.Cl100k {
		t.Errorf("got %+v", m)
	}
}

func TestAnOperatorsFileTakesThePlaceOfOurs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "own.json")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const good = `{"date":"2027-02-01","default":"llama","models":[{"name":"llama","window":8192,"maxOutput":4096,"tokenizer":"characters"}]}`
	write(good)
	table, err := models.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if m, ok := table.Find("llama"); !ok || m.Window != 8192 || table.Default != "llama" || len(table.Models) != 1 {
		t.Errorf("got %+v", table)
	}
	for name, change := range map[string][2]string{
		"no day":                {"2027-02-01", "today"},
		"another default":       {`"default":"llama"`, `"default":"gpt"`},
		"no window":             {"8192", "0"},
		"an answer too long":    {"4096", "9000"},
		"an unknown tokenizer":  {"characters", "p50k"},
		"a misspelled member":   {`"tokenizer"`, `"imput":"0.10","tokenizer"`},
		"a price in words":      {`"tokenizer"`, `"input":"cheap","tokenizer"`},
		"an end that is no day": {`"tokenizer"`, `"shutdown":"soon","tokenizer"`},
		"something behind":      {"]}", "]} {}"},
		"half a file":           {`"characters"}]}`, ""},
		"a model twice":         {`}]`, `},{"name":"llama","window":1,"maxOutput":1,"tokenizer":"characters"}]`},
		"a version's day":       {`[{`, `[{"name":"x-2027-01-01","window":1,"maxOutput":1,"tokenizer":"characters"},{`},
	} {
		write(strings.Replace(good, change[0], change[1], 1))
		if _, err := models.Load(path); err == nil || !strings.Contains(err.Error(), "own.json") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := models.Load(path + ".none"); err == nil {
		t.Error("a file that is not there is read")
	}
}
