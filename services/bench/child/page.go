package child

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// PageFile is what a static server serves: a [Page], in its directory.
const PageFile = "page.json"

// Page is an answer that somebody else gave.
type Page struct {
	Header http.Header `json:"header"`
	Body   []byte      `json:"body"`
}

// Save writes a page into the directory of a child that serves it.
func (p Page) Save(dir string) error {
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, PageFile), data, 0o600)
}

// static is a handler of one answer, at hand in memory, with nothing around it.
type static struct {
	server *http.Server
	url    string
	ended  chan error
}

func openStatic(ctx context.Context, dir string) (*static, error) {
	data, err := os.ReadFile(filepath.Join(dir, PageFile))
	if err != nil {
		return nil, err
	}
	var p Page
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &static{
		server: &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}, url: "http://" + l.Addr().String(), ended: make(chan error, 1),
	}
	go func() { s.ended <- s.server.Serve(l) }()
	return s, nil
}

// ServeHTTP answers with the page.
func (p Page) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	maps.Copy(h, p.Header)
	h.Set("Content-Length", strconv.Itoa(len(p.Body)))
	_, _ = w.Write(p.Body)
}

func (s *static) operation(context.Context, int) error {
	return errors.New("a static server is asked over HTTP")
}

func (s *static) close(context.Context) error {
	err := s.server.Close()
	if ended := <-s.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}
