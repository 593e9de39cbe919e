package story_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kikigaki/kikigaki/services/console"
	notify "github.com/kikigaki/kikigaki/services/notification"
	ingest "github.com/kikigaki/kikigaki/services/transcript-ingest"
)

// servedBy is which service serves which paths, as each says of itself.
func servedBy() map[string][]string {
	return map[string][]string{ingest.Name: ingest.Paths(), notify.Name: notify.Paths(), console.Name: console.Paths()}
}

// gateway stands in front of services that are apart, as an ingress does: it sends each path to the replicas of the
// service that serves it, in turn, and to another one when a replica cannot be reached.
type gateway struct {
	transport *http.Transport
	pools     map[string]*pool
}

type pool struct {
	next atomic.Int64

	mu        sync.Mutex
	addresses []string
}

func newGateway(t *testing.T, address string) *gateway {
	t.Helper()
	g := &gateway{transport: &http.Transport{MaxIdleConnsPerHost: 64}, pools: map[string]*pool{}}
	mux := http.NewServeMux()
	for service, patterns := range servedBy() {
		p := &pool{}
		g.pools[service] = p
		proxy := &httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) {
				r.Out.URL.Scheme, r.Out.URL.Host = "http", r.In.Host
				r.Out.Host = r.In.Host
				r.SetXForwarded()
			},
			Transport:     &reachable{pool: p, next: g.transport},
			FlushInterval: -1, // event streams
			ErrorLog:      slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		}
		for _, pattern := range patterns {
			mux.Handle(pattern, proxy)
		}
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: mux}
	done := make(chan struct{})
	go func() { _ = server.Serve(l); close(done) }()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
		g.transport.CloseIdleConnections()
	})
	return g
}

func (g *gateway) add(service, address string) {
	p := g.pools[service]
	p.mu.Lock()
	defer p.mu.Unlock()
	p.addresses = append(p.addresses, address)
}

// reachable sends a request to the next replica that can be reached. One that was reached is never asked twice.
type reachable struct {
	pool *pool
	next http.RoundTripper
}

// RoundTrip makes one request.
func (r *reachable) RoundTrip(req *http.Request) (res *http.Response, err error) {
	r.pool.mu.Lock()
	addresses := r.pool.addresses
	r.pool.mu.Unlock()
	var body []byte
	if req.Body != nil { // a transport closes it even when it reaches nobody
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
	}
	first := int(r.pool.next.Add(1))
	for i := range addresses {
		out := req.Clone(req.Context())
		if req.Body != nil {
			out.Body = io.NopCloser(bytes.NewReader(body))
		}
		out.URL.Host = addresses[(first+i)%len(addresses)]
		res, err = r.next.RoundTrip(out)
		var dial *net.OpError
		if err == nil || errors.Is(err, context.Canceled) || !errors.As(err, &dial) || dial.Op != "dial" {
			return res, err
		}
	}
	return nil, err
}
