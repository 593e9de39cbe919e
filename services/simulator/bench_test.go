package simulator_test

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kikigaki/kikigaki/services/internal/llm"
	"github.com/kikigaki/kikigaki/services/internal/outbound"
	"github.com/kikigaki/kikigaki/services/simulator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Keys that the provider of these tests knows.
const (
	goodSecret     = "sk-proj-Good4mT9wQxZ7bL2"
	deadSecret     = "sk-proj-Dead4mT9wQxZ7bL2"
	lookingSecret  = "sk-proj-Look4mT9wQxZ7bL2"
	pennilesSecret = "sk-proj-Poor4mT9wQxZ7bL2"
	walledSecret   = "sk-proj-Wall4mT9wQxZ7bL2"
)

// bench is a provider that listens, and its base URL.
type bench struct {
	*simulator.Server

	url string
}

func newBench(t *testing.T) bench {
	t.Helper()
	s := simulator.New(simulator.Config{
		Keys: []simulator.Key{
			{Secret: goodSecret, Organization: "org-north", Project: "proj-1"},
			{Secret: deadSecret, Organization: "org-north", State: simulator.StateDeactivated},
			{Secret: lookingSecret, Organization: "org-north", State: simulator.StateNoScope},
			{Secret: pennilesSecret, Organization: "org-north", State: simulator.StateNoCredit},
			{Secret: walledSecret, Organization: "org-north", Project: "proj-2", Models: []string{"sim-echo"}},
		},
		Models: []simulator.Model{
			{ID: "small-window", Window: 100, TokensPerMinute: 1_000_000, RequestsPerMinute: 1000},
			{ID: "small-limit", Window: 100_000, TokensPerMinute: 500, RequestsPerMinute: 1000},
			{ID: "leaving", TokensPerMinute: 1000, RequestsPerMinute: 10, Shutdown: time.Date(2199, 5, 4, 0, 0, 0, 0, time.UTC)},
		},
	})
	url, err := s.Start(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return bench{s, url}
}

// client makes a client as the product does.
func (b bench) client(t *testing.T, cfg llm.Config) *llm.Client {
	t.Helper()
	if cfg.BaseURL == "" {
		cfg.BaseURL = b.url
	}
	cfg.HTTPClient = dialer(t, cfg.BaseURL)
	c, err := llm.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func dialer(t *testing.T, url string) *http.Client {
	t.Helper()
	conn, err := outbound.Client(url, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.CloseIdleConnections)
	return conn
}

const (
	transcript = "[1] お客様: もしもし。予約を変えたいのですが。\n[2] オペレータ: はい、承ります。\n[3] お客様: ありがとう。では失礼します。"
	dialogue   = "[1] Customer: Hello there. I want to move my booking.\n[2] Agent: Of course.\n[3] Customer: Thanks. Good bye!"
)

// about is a question about a transcript.
func about(model, text string) llm.Request {
	return llm.Request{
		Model: model, MaxOutputTokens: 50, RequestID: "run-1",
		Messages: []llm.Message{{Role: "user", Text: text}, {Role: "user", Text: "Sum it up.\nIn one line."}},
	}
}

// refused asks and returns the refusal.
func refused(t *testing.T, c *llm.Client, req llm.Request) *llm.Error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	done, err := c.Complete(ctx, req)
	var e *llm.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %+v, %v", done, err)
	}
	return e
}

// asked is how many completions the provider was asked for.
func (b bench) asked() (n int) {
	for _, e := range b.Ledger() {
		if e.Endpoint == "chat/completions" {
			n++
		}
	}
	return n
}
