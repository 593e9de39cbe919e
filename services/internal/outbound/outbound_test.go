package outbound_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kikigaki/kikigaki/services/internal/outbound"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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
