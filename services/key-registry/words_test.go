package keys_test

import (
	"cmp"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kikigaki/kikigaki/services/internal/catalogue"
	"github.com/kikigaki/kikigaki/services/internal/edge"
)

// document is what a person's browser gets of a refusal.
type document struct {
	Status              int
	Code, Title, Detail string
	Field               string
	Params              map[string]string
	Provider            struct {
		Status  int
		Message string
	}
}

// teller turns errors into what people read.
type teller struct {
	edge  *edge.Edge
	texts *catalogue.Catalogue
}

func newTeller(t *testing.T) teller {
	t.Helper()
	texts, err := catalogue.Load()
	if err != nil {
		t.Fatal(err)
	}
	return teller{edge.New(nil, nil, texts, slog.New(slog.DiscardHandler)), texts}
}

func (w teller) document(t *testing.T, locale string, err error) (out document) {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/keys", nil)
	req.Header.Set("Accept-Language", locale)
	rec := httptest.NewRecorder()
	w.edge.Problem(rec, req, err)
	if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil || out.Status != rec.Code {
		t.Fatalf("%s: %v", rec.Body, err)
	}
	return out
}

// tells looks at a refusal in every language: it has a title of its own, says what to do, names the field, and quotes the
// provider's own words, verbatim but for the key.
func (w teller) tells(t *testing.T, name string, err error, verdict string, said refusalSaid) {
	t.Helper()
	code, status := "KEY_REFUSED", http.StatusUnprocessableEntity
	field, reason, _ := strings.Cut(verdict, "/")
	if verdict == "unreachable" {
		code, status, field = "KEY_UNREACHABLE", http.StatusServiceUnavailable, ""
	}
	texts := strings.TrimSuffix("problem."+code+"."+reason, ".")
	for _, locale := range catalogue.Locales() {
		d := w.document(t, locale, err)
		title, detail := w.texts.Text(locale, texts+".title", nil), w.texts.Text(locale, texts+".detail", nil)
		if d.Code != code || d.Status != status || d.Field != field || d.Title != title || d.Detail != detail || d.Detail == "" {
			t.Errorf("%s in %s: it is told %+v, want %q and %q", name, locale, d, title, detail)
		}
		if d.Provider.Status != said.status {
			t.Errorf("%s in %s: the provider's status is told as %d, want %d", name, locale, d.Provider.Status, said.status)
		}
		for _, words := range said.words {
			if !strings.Contains(d.Provider.Message, words) {
				t.Errorf("%s in %s: the provider's words are %q, want %q", name, locale, d.Provider.Message, words)
			}
		}
	}
}

// refusalSaid is what a refusal is known by: its status, and its words, cut where it repeats the key.
type refusalSaid struct {
	status int
	words  []string
}

// saidBy reads a refusal as its provider meant it; one that is no JSON has no words to hold us to.
func saidBy(status int, body string) refusalSaid {
	var outer struct {
		Error           json.RawMessage
		Message, Detail string
	}
	var inner struct{ Message string }
	text := ""
	if json.Unmarshal([]byte(body), &outer) == nil {
		if json.Unmarshal(outer.Error, &text) != nil {
			_ = json.Unmarshal(outer.Error, &inner)
		}
		text = cmp.Or(text, inner.Message, outer.Message, outer.Detail)
	}
	out := refusalSaid{status: status}
	for piece := range strings.SplitSeq(strings.NewReplacer("{key}", "\x00", "{secret}", "\x00").Replace(text), "\x00") {
		if piece = strings.Trim(piece, " ."); piece != "" { // a full stop behind the key goes with it
			out.words = append(out.words, piece)
		}
	}
	return out
}
