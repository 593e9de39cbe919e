package outbound_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kikigaki/kikigaki/services/internal/outbound"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hostile are hosts that somebody could type to reach what is not theirs. PORT is a port on which this machine listens.
const hostile = `127.0.0.1:PORT 127.1:PORT 127.0.0.2:PORT 127.255.255.254:PORT 0:PORT 0.0.0.0:PORT localhost:PORT
LOCALHOST:PORT localhost.:PORT [::1]:PORT [::]:PORT [::ffff:127.0.0.1]:PORT [::ffff:7f00:1]:PORT [0:0:0:0:0:0:0:1]:PORT
[::127.0.0.1]:PORT [64:ff9b::7f00:1]:PORT [64:ff9b::a9fe:a9fe]:PORT [2002:7f00:1::]:PORT [2002:a9fe:a9fe::]:PORT
10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.254 192.168.0.1 192.168.255.254 169.254.169.254 169.254.170.2
169.254.0.1 [fe80::1] [fe80::1%25lo] [fd00:ec2::254] [fc00::1] [fdff:ffff::1] 100.64.0.1 100.100.100.200
100.127.255.254 192.0.0.1 192.0.0.192 192.0.2.1 198.18.0.1 198.19.255.254 198.51.100.1 203.0.113.1 224.0.0.1
239.255.255.255 240.0.0.1 255.255.255.255 0.1.2.3 [ff02::1] [ff05::1] [2001::1] [2001:db8::1] [100::1] [fec0::1]
[::ffff:10.0.0.1] [::ffff:169.254.169.254] [::ffff:192.168.1.1] [::ffff:a9fe:a9fe] [::ffff:0:127.0.0.1] [::a9fe:a9fe]
[64:ff9b:1::a00:1]`

func TestHostileAddressesAreNeverReached(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	hosts := strings.Fields(strings.ReplaceAll(hostile, "PORT", port))
	if len(hosts) < 60 {
		t.Fatalf("only %d hosts", len(hosts))
	}
	for _, host := range hosts {
		if _, err := get(t, "http://"+host+"/", nil); err == nil {
			t.Errorf("%s answered", host)
		}
	}
	if n := reached.Load(); n != 0 {
		t.Fatalf("%d requests arrived", n)
	}
}

// TestHostileAddressesAreRefusedByThemselves asks for the refusal: an address that this machine merely has no route to
// would be reached from another.
func TestHostileAddressesAreRefusedByThemselves(t *testing.T) {
	t.Parallel()
	judged := 0
	for host := range strings.FieldsSeq(hostile) {
		host = strings.Trim(strings.TrimSuffix(host, ":PORT"), "[]")
		a, err := netip.ParseAddr(strings.ReplaceAll(host, "%25", "%"))
		if err != nil {
			continue // a name: judged by what it resolves to
		}
		judged++
		if outbound.Allowed(a, nil) {
			t.Errorf("%s is allowed", a)
		}
	}
	if judged < 50 {
		t.Fatalf("only %d addresses", judged)
	}
}

// get asks once and returns the status.
func get(t *testing.T, url string, allowed []netip.Prefix) (int, error) {
	t.Helper()
	c, err := outbound.Client(url, allowed)
	if err != nil {
		return 0, err
	}
	defer c.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	res, err := c.Do(req)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

func TestWhatTheOperatorAllowsIsReached(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	if _, err := get(t, server.URL, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}); err != nil {
		t.Fatal(err)
	}
	if _, err := get(t, server.URL, []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}); !errors.Is(err, outbound.ErrRefused) {
		t.Fatalf("got %v", err)
	}
}

func TestARedirectIsNotFollowedAndAnotherHostNotCalled(t *testing.T) {
	t.Parallel()
	var followed atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Store(true) }))
	defer elsewhere.Close()
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusFound))
	defer server.Close()
	allowed := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	status, err := get(t, server.URL, allowed)
	if err != nil || status != http.StatusFound || followed.Load() {
		t.Fatalf("%d, %v, followed %v", status, err, followed.Load())
	}
	c, err := outbound.Client(server.URL, allowed)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseIdleConnections()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, elsewhere.URL, http.NoBody)
	res, err := c.Do(req)
	if err == nil {
		_ = res.Body.Close()
	}
	if !errors.Is(err, outbound.ErrRefused) || followed.Load() {
		t.Fatalf("another host gives %v", err)
	}
}

func TestPublicAddressesAreAllowed(t *testing.T) {
	t.Parallel()
	for _, a := range []string{"1.1.1.1", "8.8.8.8", "104.18.6.192", "2606:4700::6812:7c0", "2a00:1450::1", "::ffff:8.8.8.8"} {
		if !outbound.Allowed(netip.MustParseAddr(a), nil) {
			t.Errorf("%s is refused", a)
		}
	}
}
