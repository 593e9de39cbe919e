package keys_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kikigaki/kikigaki/pkg/fault"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
)

// hostile are base URLs that somebody could enter to reach what is not theirs, but for those with a name that only a
// name server could tell the place of.
func hostile(t *testing.T, port string) (out []string) {
	t.Helper()
	text, err := os.ReadFile("../internal/outbound/testdata/hostile.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		line = strings.NewReplacer("PORT", port, `\t`, "\t", "\n", "").Replace(line)
		if u, err := url.Parse(line); err == nil && u.Hostname() != "" && !strings.EqualFold(u.Hostname(), "localhost") {
			if _, err := netip.ParseAddr(u.Hostname()); err != nil {
				continue
			}
		}
		if !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return out
}

// TestHostileBaseURLsGetNoKey is a fence: of no kind is a key saved for them, verified or not, and nothing that listens on
// this machine is ever connected to.
func TestHostileBaseURLsGetNoKey(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	var came atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	_ = server.Listener.Close()
	server.Listener = listener
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			came.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	b := newBench(t)
	s := b.replica(t.TempDir()) // nothing is allowed
	tried := 0
	for _, text := range hostile(t, port) {
		for _, kind := range []string{"openai", "azure_openai", "compatible"} {
			tried++
			d := draft("Main")
			d.Kind, d.BaseUrl = kind, text
			_, err := s.CreateKey(admin(t), &keyv1.CreateKeyRequest{Draft: d, SaveUnverified: true})
			if f, _ := fault.As(err); f == nil || f.Field != "baseUrl" {
				t.Errorf("%s at %q: %v", kind, text, err)
			}
		}
	}
	if n := came.Load(); n != 0 || tried < 450 {
		t.Errorf("%d connections arrived after %d tries", n, tried)
	}
	if n := len(list(t, s, "a")); n != 0 {
		t.Errorf("%d keys are saved", n)
	}
	allowed := b.one()
	d := draft("Main")
	d.BaseUrl = "http://127.0.0.1:" + port + "/v1"
	if _, err := try(t, allowed, d); !fault.Is(err, "KEY_REFUSED") || came.Load() == 0 {
		t.Errorf("the listener does not count: %v", err)
	}
}
