// Package outbound makes the HTTP clients with which we call addresses that people have typed in.
//
// Such an address may name anything: our own machine, the machines beside it, a cloud's metadata. What counts is the
// address that is really dialled, after names are resolved, so that is where it is checked; no redirect is followed,
// no proxy of the environment is used, and a client reaches the one host it was made for.
package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

const (
	dialTime   = 10 * time.Second
	tlsTime    = 10 * time.Second
	idleTime   = 90 * time.Second
	maxHeaders = 64 << 10
)

// ErrRefused says that an address may not be called.
var ErrRefused = errors.New("outbound: address refused")

// Client makes a client for one base URL. Connections to addresses that are not public fail with [ErrRefused] unless
// a prefix in allowed has them. There is no limit on the time of a whole request: callers give a context that has one.
func Client(baseURL string, allowed []netip.Prefix) (*http.Client, error) {
	return client(baseURL, allowed, nil)
}

// client is Client with the resolver of names; nil is the system's.
func client(baseURL string, allowed []netip.Prefix, names *net.Resolver) (*http.Client, error) {
	base, err := url.Parse(baseURL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("%w: %q is no http or https URL", ErrRefused, baseURL)
	}
	dialer := &net.Dialer{Timeout: dialTime, ControlContext: guard(allowed), Resolver: names}
	transport := &http.Transport{
		Proxy:                  nil,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    tlsTime,
		IdleConnTimeout:        idleTime,
		MaxIdleConnsPerHost:    8,
		MaxResponseHeaderBytes: maxHeaders,
		ForceAttemptHTTP2:      true,
	}
	return &http.Client{
		Transport:     &pinned{scheme: base.Scheme, host: base.Host, next: transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// guard checks the address that a connection is really made to.
func guard(allowed []netip.Prefix) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, network, address string, _ syscall.RawConn) error {
		if network != "tcp4" && network != "tcp6" {
			return fmt.Errorf("%w: network %s", ErrRefused, network)
		}
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w: %s", ErrRefused, address)
		}
		if !Allowed(to.Addr(), allowed) {
			return fmt.Errorf("%w: %s is not a public address", ErrRefused, to.Addr())
		}
		return nil
	}
}

// pinned keeps a client at the host it was made for, whatever a library makes of a path or a redirect.
type pinned struct {
	scheme, host string
	next         *http.Transport
}

// RoundTrip makes one request, if it goes to the right place.
func (p *pinned) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != p.scheme || !strings.EqualFold(r.URL.Host, p.host) {
		return nil, fmt.Errorf("%w: %s://%s is not %s://%s", ErrRefused, r.URL.Scheme, r.URL.Host, p.scheme, p.host)
	}
	return p.next.RoundTrip(r)
}

// CloseIdleConnections lets http.Client end what is kept open.
func (p *pinned) CloseIdleConnections() { p.next.CloseIdleConnections() }
