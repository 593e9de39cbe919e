package story_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/services/internal/broker"
)

// servers are the nats-servers of a log that is nobody's but the platform's: processes, started from the very files
// that we ship.
type servers struct {
	t     *testing.T
	nodes []*server
}

type server struct {
	name, address string
	env           []string
	config        string
	said          io.Writer
	run           *exec.Cmd
	ended         chan struct{}
}

// natsServer builds the server, of the version that is embedded, once.
var natsServer = sync.OnceValues(func() (string, error) { //nolint:gochecknoglobals // built once
	out := filepath.Join(filepath.Dir(binary), "nats-server")
	build := exec.Command("go", "build", "-o", out, "github.com/nats-io/nats-server/v2")
	text, err := build.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, text)
	}
	return out, nil
})

// newServers starts one server, or three.
func newServers(t *testing.T, way way, dir string, said io.Writer) *servers {
	t.Helper()
	if _, err := natsServer(); err != nil {
		t.Fatal(err)
	}
	s := &servers{t: t}
	size, config := 1, "r1.conf"
	if way == clustered {
		size, config = 3, "r3.conf"
	}
	var routes []string
	for range size {
		routes = append(routes, freeAddress(t))
	}
	for i := range size {
		node := &server{name: fmt.Sprintf("nats-%d", i), address: freeAddress(t), said: said}
		node.config = filepath.Join("..", "..", "deployments", "nats", config)
		node.env = append(os.Environ(),
			"NATS_SERVER_NAME="+node.name, "NATS_STORE_DIR="+filepath.Join(dir, node.name), "NATS_MAX_FILE_STORE=200GB",
			"NATS_CLIENT_LISTEN="+node.address, "NATS_CLUSTER_LISTEN="+routes[i],
			`NATS_ROUTES=["nats://`+strings.Join(routes, `", "nats://`)+`"]`)
		s.nodes = append(s.nodes, node)
	}
	t.Cleanup(func() {
		for _, n := range s.nodes {
			n.kill()
		}
	})
	for _, n := range s.nodes {
		if err := n.start(); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *servers) url() string {
	var urls []string
	for _, n := range s.nodes {
		urls = append(urls, "nats://"+n.address)
	}
	return strings.Join(urls, ",")
}

func (n *server) start() error {
	built, err := natsServer()
	if err != nil {
		return err
	}
	n.run = exec.Command(built, "-c", n.config)
	n.run.Env, n.run.Stderr = n.env, &journal{} // it says much; what matters the services say, too
	if err := n.run.Start(); err != nil {
		return err
	}
	n.ended = make(chan struct{})
	go func(run *exec.Cmd, ended chan<- struct{}) {
		_ = run.Wait() // by a signal: that is no news
		close(ended)
	}(n.run, n.ended)
	return nil
}

// kill ends a server as kill -9 does.
func (n *server) kill() { n.end(syscall.SIGKILL) }

func (n *server) end(how os.Signal) {
	if n.run == nil {
		return
	}
	_ = n.run.Process.Signal(how)
	<-n.ended
	n.run = nil
}

// leader is the server that leads a stream.
func (s *servers) leader(ctx context.Context, name string) (*server, error) {
	info, err := s.info(ctx, name)
	if err != nil {
		return nil, err
	}
	for _, n := range s.nodes {
		if n.name == info.Leader {
			return n, nil
		}
	}
	return nil, fmt.Errorf("nobody leads %s", name)
}

// info asks about a stream.
func (s *servers) info(ctx context.Context, name string) (stream.Info, error) {
	var info stream.Info
	err := s.withLog(ctx, func(l *stream.Log) (err error) {
		info, err = l.Info(ctx, name)
		return err
	})
	return info, err
}

// withLog looks at the log from outside.
func (s *servers) withLog(ctx context.Context, look func(*stream.Log) error) error {
	return withLog(ctx, broker.Config{URL: s.url()}, look)
}

func withLog(ctx context.Context, cfg broker.Config, look func(*stream.Log) error) error {
	cfg.Logger = slog.New(slog.DiscardHandler)
	b, err := broker.Start(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = b.Stop(context.WithoutCancel(ctx)) }()
	l, err := stream.Open(b.Conn(), stream.Config{})
	if err != nil {
		return err
	}
	return look(l)
}

// awaitInStep waits until every server has all of every stream: only then another may be stopped.
func (s *servers) awaitInStep() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	err := s.withLog(ctx, func(l *stream.Log) error {
		for _, d := range broker.Declarations() {
			for {
				info, err := l.Info(ctx, d.Name)
				if err == nil && info.Leader != "" && len(info.Behind) == 0 || len(s.nodes) == 1 && err == nil {
					break
				}
				if ctx.Err() != nil {
					return fmt.Errorf("%s: %+v, %w", d.Name, info, err)
				}
				time.Sleep(50 * time.Millisecond)
			}
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}
