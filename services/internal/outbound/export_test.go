package outbound

import (
	"net"
	"net/http"
	"net/netip"
)

// ClientWith is Client with a resolver of names, for names that a test answers for.
func ClientWith(baseURL string, allowed []netip.Prefix, names *net.Resolver) (*http.Client, error) {
	return client(baseURL, allowed, names)
}
