package outbound_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/services/internal/outbound"
)

// hostile are the base URLs of testdata/hostile.txt.
func hostile(t *testing.T, port string) (out []string) {
	t.Helper()
	text, err := os.ReadFile("testdata/hostile.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimRight(line, "\n"); !strings.HasPrefix(line, "#") {
			out = append(out, strings.NewReplacer("PORT", port, `\t`, "\t").Replace(line))
		}
	}
	if len(out) < 200 {
		t.Fatalf("only %d hostile URLs", len(out))
	}
	return out
}

// misread are hosts that are names to us and numbers to older programs, and what those make of them. The worst resolver
// would, too.
func misread() map[string][]string {
	out := map[string][]string{
		"loopback6.test": {"::1"}, "mapped.test": {"::ffff:127.0.0.1"}, "both.test": {"127.0.0.1 ::1"}, "private.test": {"10.0.0.1"},
		"metadata.test": {"169.254.169.254"}, "metadata6.test": {"fd00:ec2::254"}, "linklocal.test": {"fe80::1"},
		"unspecified.test": {"0.0.0.0 ::"}, "nat64.test": {"64:ff9b::7f00:1"}, "sixtofour.test": {"2002:7f00:1::"},
		"mixed.test": {"10.0.0.1 192.168.0.1 127.0.0.1"}, "carrier.test": {"100.64.0.1"}, "168.254.169.254.test": {"169.254.169.254"},
	}
	for name := range strings.FieldsSeq("127.1 127.0.1 0 0.0 2130706433 0x7f000001 0x7f.1 0x7f.0x0.0x0.0x1 017700000001 0177.0.0.1 " +
		"0177.1 127.0.0.01 127.000.000.001 00127.0.0.1 127.0.0.1 localhost loopback.test a.b.loopback.test xn--bcher-kva.test") {
		out[name] = []string{"127.0.0.1"}
	}
	for name := range strings.FieldsSeq("0xa9fea9fe 2852039166 0251.0376.0251.0376 3232235521 4294967295") {
		out[name] = []string{"169.254.169.254"}
	}
	return out
}

// everywhere listens on all addresses of this machine and counts who comes.
func everywhere(t *testing.T) (port string, came *atomic.Int64) {
	t.Helper()
	came = &atomic.Int64{}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
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
	_, port, _ = net.SplitHostPort(listener.Addr().String())
	return port, came
}

// TestHostileBaseURLsAreNeverReached is a fence: whatever somebody types, no connection is made, as the listener counts
// them, and none is tried, as the network library tells of each.
func TestHostileBaseURLsAreNeverReached(t *testing.T) {
	t.Parallel()
	port, came := everywhere(t)
	resolve := newNames(t, misread()).resolver()
	refusedByDial := 0
	for _, text := range hostile(t, port) {
		c, err := outbound.ClientWith(text, nil, resolve)
		if err != nil {
			continue // no URL that could be asked
		}
		tried, err := ask(t, c, text)
		if err == nil {
			t.Errorf("%q answered", text)
		}
		for _, e := range tried {
			if !errors.Is(e, outbound.ErrRefused) {
				t.Errorf("%q: a connection was tried: %v", text, e)
			}
		}
		if errors.Is(err, outbound.ErrRefused) && len(tried) > 0 {
			refusedByDial++
		}
	}
	if n := came.Load(); n != 0 {
		t.Errorf("%d connections arrived", n)
	}
	if refusedByDial < 150 {
		t.Errorf("only %d were refused where connections are made: the others were no test of it", refusedByDial)
	}
	if tried, err := ask(t, open(t, resolve, port), "http://127.0.0.1:"+port); err != nil || len(tried) != 1 || came.Load() != 1 {
		t.Errorf("the listener does not count: %v, %d", err, came.Load())
	}
}

// open is a client that may reach this machine.
func open(t *testing.T, resolve *net.Resolver, port string) *http.Client {
	t.Helper()
	c, err := outbound.ClientWith("http://127.0.0.1:"+port, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, resolve)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ask makes one request and returns what became of each try to connect.
func ask(t *testing.T, c *http.Client, text string) (tried []error, err error) {
	t.Helper()
	defer c.CloseIdleConnections()
	var mu sync.Mutex // several addresses of a name are tried side by side
	var done []error
	defer func() {
		mu.Lock()
		defer mu.Unlock()
		tried = append(tried, done...)
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		ConnectDone: func(_, _ string, err error) {
			mu.Lock()
			defer mu.Unlock()
			done = append(done, err)
		},
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, text, http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	return nil, res.Body.Close()
}

// TestHostileAddressesAreRefusedByThemselves asks for the refusal: an address that this machine merely has no route to
// would be reached from another.
func TestHostileAddressesAreRefusedByThemselves(t *testing.T) {
	t.Parallel()
	judged := 0
	for _, text := range hostile(t, "1") {
		u, err := url.Parse(text)
		if err != nil {
			continue
		}
		a, err := netip.ParseAddr(u.Hostname())
		if err != nil {
			continue // a name: judged by what it resolves to
		}
		judged++
		if outbound.Allowed(a, nil) {
			t.Errorf("%s is allowed", a)
		}
	}
	if judged < 120 {
		t.Fatalf("only %d addresses", judged)
	}
}

// TestANameIsJudgedEachTimeItIsResolved is a fence: who owns a name can let it point elsewhere after it was looked at.
func TestANameIsJudgedEachTimeItIsResolved(t *testing.T) {
	t.Parallel()
	port, came := everywhere(t)
	resolve := newNames(t, map[string][]string{"moving.test": {"127.0.0.2", "127.0.0.1"}}).resolver()
	base := "http://moving.test:" + port
	c, err := outbound.ClientWith(base, []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}, resolve)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ask(t, c, base); err != nil || came.Load() != 1 {
		t.Fatalf("an allowed address: %v, %d connections", err, came.Load())
	}
	for range 3 {
		if _, err := ask(t, c, base); !errors.Is(err, outbound.ErrRefused) || came.Load() != 1 {
			t.Errorf("moved: %v, %d connections", err, came.Load())
		}
	}
}
