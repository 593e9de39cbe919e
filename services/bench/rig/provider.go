package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/kikigaki/kikigaki/services/simulator"
)

const (
	// secret is the key that the provider knows.
	secret = "sk-bench-0123456789abcdef"
	// answerTime is how long an answer of the provider takes.
	answerTime = 20 * time.Millisecond
	headerTime = 5 * time.Second
)

// Provider is the simulator with a clock in front of it: it notes when a request about a call came in, and when its
// answer left.
type Provider struct {
	// URL ends in /v1.
	URL string

	sim  *simulator.Server
	http *http.Server
	done chan struct{}

	mu     sync.Mutex
	asked  map[string][]Exchange // by call
	before int                   // answers in the ledger that are about no call
}

// Exchange is one request and its answer.
type Exchange struct{ Arrived, Left time.Time }

// marker is how a call's id stands in its words.
var marker = regexp.MustCompile(`bench-[0-9a-z-]+`)

// StartProvider makes one that listens on this machine.
func StartProvider(ctx context.Context) (*Provider, error) {
	p := &Provider{
		sim:  simulator.New(simulator.Config{Keys: []simulator.Key{{Secret: secret, Organization: "org-bench"}}, Latency: answerTime}),
		done: make(chan struct{}), asked: map[string][]Exchange{},
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.URL = "http://" + l.Addr().String() + "/v1"
	p.http = &http.Server{Handler: p.timed(p.sim.Handler()), ReadHeaderTimeout: headerTime}
	go func() {
		defer close(p.done)
		_ = p.http.Serve(l)
	}()
	return p, nil
}

// Stop ends it at once.
func (p *Provider) Stop(ctx context.Context) error {
	err := errors.Join(p.sim.Stop(ctx), p.http.Close())
	<-p.done
	return err
}

// timed notes when a request came in, before its body is read, and when its answer is written; it leaves with the
// return.
func (p *Provider) timed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e := Exchange{Arrived: time.Now()}
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client has gone
		}
		r.Body = io.NopCloser(bytes.NewReader(data))
		next.ServeHTTP(w, r)
		e.Left = time.Now()
		if call := marker.Find(data); call != nil {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.asked[string(call)] = append(p.asked[string(call)], e)
		}
	})
}

// Asked is every request about a call.
func (p *Provider) Asked(call string) []Exchange {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[call]
}

// Begin passes over what was asked so far: registering a key asks a question, too.
func (p *Provider) Begin() { p.before = len(p.completions()) }

func (p *Provider) completions() (list []simulator.Entry) {
	for _, e := range p.sim.Ledger() {
		if e.Endpoint == "chat/completions" {
			list = append(list, e)
		}
	}
	return list
}

// CheckLedger tells whether so many requests were answered since the beginning, and none was refused, by the provider's
// own books.
func (p *Provider) CheckLedger(answers int) error {
	answered := 0
	for _, e := range p.completions()[p.before:] {
		if !e.Answered {
			return fmt.Errorf("the provider refused a request with %d", e.Status)
		}
		answered++
	}
	if answered != answers {
		return fmt.Errorf("the provider was asked %d times for %d analyses", answered, answers)
	}
	return nil
}
