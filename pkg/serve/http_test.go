package serve_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/pkg/serve"
)

// web starts a server and returns its address and a client of its own.
func web(t *testing.T, h http.Handler, log *journal) (*serve.HTTP, string, *http.Client) {
	t.Helper()
	server := serve.NewHTTP(h, log.logger())
	addr, err := server.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := server.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return server, "http://" + addr.String(), &http.Client{Transport: transport}
}

// got is an answer that has been read to its end.
type got struct {
	code   int
	header http.Header
	body   string
}

func get(t *testing.T, client *http.Client, url string) (got, error) {
	t.Helper()
	res, err := client.Get(url)
	if err != nil {
		return got{}, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return got{res.StatusCode, res.Header, string(body)}, err
}

func TestAHandlerThatPanicsAnswersAndTheProcessLives(t *testing.T) {
	t.Parallel()
	mux, log := http.NewServeMux(), &journal{}
	mux.HandleFunc("/early", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "3")
		w.Header().Set("Set-Cookie", "kikigaki_login=x")
		explode()
	})
	mux.HandleFunc("/late", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		explode()
	})
	mux.HandleFunc("/abort", func(http.ResponseWriter, *http.Request) {
		panic(http.ErrAbortHandler) //nolint:forbidigo // this is how a handler cuts its connection
	})
	mux.HandleFunc("/fine", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") })
	_, url, client := web(t, mux, log)

	a, err := get(t, client, url+"/early")
	if err != nil || a.code != http.StatusInternalServerError || !strings.Contains(a.body, `"code":"INTERNAL"`) ||
		strings.Contains(a.body, "secret") || a.header.Get("Set-Cookie") != "" ||
		a.header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("got %+v, %v", a, err)
	}
	if a, err := get(t, client, url+"/late"); err == nil {
		t.Fatalf("half an answer was taken for all of it: %q", a.body)
	}
	if _, err := get(t, client, url+"/abort"); err == nil {
		t.Fatal("a handler could not cut its connection")
	}
	if a, err := get(t, client, url+"/fine"); err != nil || a.body != "fine" {
		t.Fatalf("got %q, %v", a.body, err)
	}
	if text := log.String(); strings.Count(text, "the secret reason") != 2 || strings.Contains(text, "superfluous") {
		t.Fatalf("the log says: %s", text)
	}
}

func TestEventStreamsFlowAndEndWithTheServer(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := http.NewResponseController(w)
		w.Header().Set("Content-Type", "text/event-stream")
		_ = out.SetWriteDeadline(time.Now().Add(time.Minute))
		_, _ = io.WriteString(w, "data: one\n\n")
		if err := out.Flush(); err != nil {
			return
		}
		select {
		case <-over:
		case <-r.Context().Done():
		}
	})
	server, url, client := web(t, h, &journal{})
	server.OnShutdown(func() { close(over) })
	res, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewReader(res.Body)
	if line, err := lines.ReadString('\n'); err != nil || line != "data: one\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := server.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(lines); err != nil || string(rest) != "\n" {
		t.Fatalf("got %q, %v", rest, err)
	}
}

func TestStopCutsOffARequestThatDoesNotEnd(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{})
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { close(entered); <-r.Context().Done() })
	server, url, client := web(t, h, &journal{})
	failed := make(chan error, 1)
	go func() { _, err := get(t, client, url); failed <- err }()
	<-entered
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := server.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err == nil {
		t.Fatal("the request was answered")
	}
}

func TestHTTPStopIsSafeAtAnyTime(t *testing.T) {
	t.Parallel()
	server := serve.NewHTTP(http.NotFoundHandler(), nil)
	for range 2 {
		if err := server.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAHeaderBeyondTheLimitIsRefused(t *testing.T) {
	t.Parallel()
	_, url, client := web(t, http.NotFoundHandler(), &journal{})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Long", strings.Repeat("x", 80<<10))
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Fatalf("got %d", res.StatusCode)
	}
}

func TestHealthSaysWhatIsNotReady(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.Handle("/healthz", serve.Health(func(context.Context) error { return nil }))
	mux.Handle("/readyz", serve.Health(func(context.Context) error { return errors.New("prompts: 12 behind") }))
	_, url, client := web(t, mux, &journal{})
	if a, err := get(t, client, url+"/healthz"); err != nil || a.code != http.StatusOK || a.body != "ok\n" {
		t.Fatalf("got %+v, %v", a, err)
	}
	a, err := get(t, client, url+"/readyz")
	if err != nil || a.code != http.StatusServiceUnavailable || a.body != "prompts: 12 behind\n" ||
		a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("got %+v, %v", a, err)
	}
}
