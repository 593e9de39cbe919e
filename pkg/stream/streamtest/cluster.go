package streamtest

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Size is the number of servers in a [Cluster].
const Size = 3

// Cluster is three nats-servers in the test's own process, connected over the loopback interface and configured by the
// file that is shipped for production. It is safe for concurrent use.
type Cluster struct {
	client [Size]int
	opts   [Size]*server.Options
	diary  *diary

	mu    sync.RWMutex
	nodes [Size]*server.Server
}

// StartCluster starts three servers with empty stores, waits until they have formed a cluster that accepts streams
// with three replicas, and stops them when the test ends. It takes a few seconds: the servers elect a leader.
func StartCluster(t testing.TB) *Cluster {
	t.Helper()
	ports := freePorts(t, 2*Size)
	routes := ports[Size:]
	c := &Cluster{client: [Size]int(ports[:Size]), diary: keepDiary(t)}
	dir := t.TempDir() // before the servers: what comes first is cleaned up last
	t.Cleanup(c.Close)
	for i := range Size {
		c.opts[i] = shipped(t, variables{
			serverName:    fmt.Sprintf("node-%d", i),
			storeDir:      filepath.Join(dir, fmt.Sprintf("node-%d", i)),
			maxFileStore:  "256GB",
			clientListen:  addr(c.client[i]),
			clusterListen: addr(routes[i]),
			routes:        routes,
		})
		c.StartNode(t, i)
	}
	c.WaitReady(t)
	return c
}

// URL lists the three servers, separated by commas, as nats.Connect takes them.
func (c *Cluster) URL() string {
	urls := make([]string, Size)
	for i, port := range c.client {
		urls[i] = natsURL(port)
	}
	return strings.Join(urls, ",")
}

// Conn connects to any of the servers and moves to another one when that stops. It is closed when the test ends.
func (c *Cluster) Conn(t testing.TB) *nats.Conn {
	t.Helper()
	return connect(t, c.URL())
}

// ConnTo connects to server i and stays with it: while it is stopped the connection waits.
func (c *Cluster) ConnTo(t testing.TB, i int) *nats.Conn {
	t.Helper()
	return connect(t, natsURL(c.client[i]), nats.IgnoreDiscoveredServers())
}

// StopNode shuts server i down in order: it hands leaderships over first, as it does on SIGTERM. The others go on.
func (c *Cluster) StopNode(t testing.TB, i int) {
	t.Helper()
	c.mu.Lock()
	run := c.nodes[i]
	c.nodes[i] = nil
	c.mu.Unlock()
	stop(run)
}

// StartNode starts server i again over its store. It does not wait for the others: see [Cluster.WaitReady].
func (c *Cluster) StartNode(t testing.TB, i int) {
	t.Helper()
	run := boot(t, c.opts[i].Clone(), c.diary)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes[i] = run
}

// Leader is the server that leads a stream at this moment, -1 while none does. Only the leader answers for the newest
// state of the stream.
func (c *Cluster) Leader(stream string) int {
	for i, node := range c.running() {
		if node != nil && node.JetStreamIsStreamLeader(server.DEFAULT_GLOBAL_ACCOUNT, stream) {
			return i
		}
	}
	return -1
}

// WaitLeader waits until the stream has a leader and returns it. After a leader was stopped that takes seconds.
func (c *Cluster) WaitLeader(t testing.TB, stream string) int {
	t.Helper()
	leader := -1
	eventually(t, "a leader of stream "+stream, func() bool {
		leader = c.Leader(stream)
		return leader >= 0
	})
	return leader
}

// WaitReady waits until every running server is in step with its streams and the cluster's leader has heard from all of
// them, so that a stream with as many replicas can be placed.
func (c *Cluster) WaitReady(t testing.TB) {
	t.Helper()
	eventually(t, "the cluster to be ready", c.ready)
}

// Close stops all servers. Calling it again does nothing.
func (c *Cluster) Close() {
	c.mu.Lock()
	nodes := c.nodes
	c.nodes = [Size]*server.Server{}
	c.mu.Unlock()
	var wg sync.WaitGroup
	for _, node := range nodes {
		// Together: one after another, the last two would first look for a new leader.
		wg.Go(func() { stop(node) })
	}
	wg.Wait()
}

func (c *Cluster) running() [Size]*server.Server {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.nodes
}

func (c *Cluster) ready() bool {
	running, peers := 0, 0
	for _, node := range c.running() {
		if node == nil {
			continue
		}
		running++
		if node.Healthz(&server.HealthzOptions{}).StatusCode != http.StatusOK {
			return false
		}
		if node.JetStreamIsLeader() {
			peers = len(node.JetStreamClusterPeers())
		}
	}
	return running > 0 && peers >= running
}

// eventually polls until the condition holds, and fails the test when it does not in time.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(readyTimeout)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("streamtest: waited %v for %s", readyTimeout, what)
		}
		<-time.After(5 * time.Millisecond)
	}
}
