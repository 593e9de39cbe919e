package notify

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// heard is one event of an event stream.
type heard struct{ id, kind, data string }

// listener is a screen: it listens to an event stream as a browser does, and remembers the last id it had.
type listener struct {
	t      *testing.T
	client *http.Client
	token  string

	mu    sync.Mutex
	last  string // the last id
	heard []heard
	beats int
}

func newListener(t *testing.T, token string) *listener {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &listener{t: t, token: token, client: &http.Client{Transport: transport}}
}

// connection is one connection of a listener. done is closed when it has ended.
type connection struct {
	cancel context.CancelFunc
	done   chan struct{}
	header http.Header
}

func (c *connection) cut() { c.cancel(); <-c.done }

// connect opens the stream at a replica's address, behind the last id it had, and goes on reading by itself. enough,
// if not nil, is asked after each event and ends the connection. The error is that of an answer that is no stream.
func (l *listener) connect(url string, enough func() bool) (*connection, error) {
	ctx, cancel := context.WithCancel(context.Background())
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	req.Header.Set("Authorization", "Bearer "+l.token)
	l.mu.Lock()
	if l.last != "" {
		req.Header.Set("Last-Event-ID", l.last)
	}
	l.mu.Unlock()
	res, err := l.client.Do(req) //nolint:bodyclose // the reader closes it
	if err != nil {
		cancel()
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		cancel()
		return nil, fmt.Errorf("%d %s", res.StatusCode, body)
	}
	c := &connection{cancel: cancel, done: make(chan struct{}), header: res.Header}
	go func() {
		defer close(c.done)
		defer cancel()
		defer res.Body.Close()
		l.read(res.Body, enough)
	}()
	return c, nil
}

// read follows the rules of event streams: an event is told at the empty line that ends it, an id counts without data.
func (l *listener) read(body io.Reader, enough func() bool) {
	var now heard
	var data []string
	for lines := bufio.NewReader(body); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "\n":
			now.data = strings.Join(data, "\n")
			l.take(now)
			if now.data != "" && enough != nil && enough() {
				return
			}
			now, data = heard{}, nil
		case line[0] == ':':
			l.mu.Lock()
			l.beats++
			l.mu.Unlock()
		case name == "id":
			now.id = value
		case name == "event":
			now.kind = value
		case name == "data":
			data = append(data, value)
		}
	}
}

func (l *listener) take(h heard) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h.id != "" {
		l.last = h.id
	}
	if h.data != "" {
		l.heard = append(l.heard, h)
	}
}

// all is what was heard so far.
func (l *listener) all() []heard {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]heard(nil), l.heard...)
}

// wait waits until so many events were heard, and returns them.
func (l *listener) wait(n int) []heard {
	l.t.Helper()
	eventually(l.t, fmt.Sprintf("%d events", n), func() bool { return len(l.all()) >= n })
	return l.all()
}

// open connects to a replica and cuts the connection when the test ends.
func (l *listener) open(r *replica, query string) *connection {
	l.t.Helper()
	c, err := l.connect(r.url+"/api/v1/notifications/stream"+query, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(c.cut)
	return c
}

// awaitEnd waits until a connection has been ended by the other side.
func awaitEnd(t *testing.T, c *connection) time.Duration {
	t.Helper()
	begun := time.Now()
	select {
	case <-c.done:
	case <-time.After(patience):
		t.Fatal("the stream does not end")
	}
	return time.Since(begun)
}
