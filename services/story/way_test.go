package story_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kikigaki/kikigaki/services/access"
	analysis "github.com/kikigaki/kikigaki/services/analysis-worker"
	"github.com/kikigaki/kikigaki/services/console"
	keys "github.com/kikigaki/kikigaki/services/key-registry"
	notify "github.com/kikigaki/kikigaki/services/notification"
	prompts "github.com/kikigaki/kikigaki/services/prompt-registry"
	ingest "github.com/kikigaki/kikigaki/services/transcript-ingest"
)

// way is how an installation is spread over processes.
type way string

const (
	// together is everything in one process around an embedded log.
	together way = "together"
	// apart is two processes of each service over one external server.
	apart way = "apart"
	// clustered is two processes of each service over a cluster of three.
	clustered way = "clustered"
)

// whole tells whether the long form was asked for: every story in every way.
func whole() bool { return os.Getenv("KIKIGAKI_STORIES") == "whole" }

// stage is where a story is told: a test, and a way.
type stage struct {
	t   *testing.T
	way way
}

// everyWay tells a story in every way; in the short form only in one process and in the ways that are named.
func everyWay(t *testing.T, story func(stage), short ...way) {
	t.Helper()
	t.Parallel()
	for _, way := range []way{together, apart, clustered} {
		if whole() || way == together || slices.Contains(short, way) {
			t.Run(string(way), func(t *testing.T) {
				t.Parallel()
				story(stage{t, way})
			})
		}
	}
}

// onStage is held by the one installation of many processes that runs: two at once only wait for each other's cores.
var onStage sync.Mutex //nolint:gochecknoglobals // there is one machine

func (way way) takeTurn(t *testing.T) {
	t.Helper()
	if way != together {
		onStage.Lock()
		t.Cleanup(onStage.Unlock)
	}
}

// perService is how many processes of each service there are.
const perService = 2

// takeApart makes the processes of an installation that is apart, with a gateway in front of them.
func (w *world) takeApart() {
	w.t.Helper()
	w.servers = newServers(w.t, w.way, filepath.Join(w.data, "nats"), w.said)
	secrets := filepath.Join(w.data, "secrets")
	if out, err := w.command("", "secrets", secrets); err != nil {
		w.t.Fatalf("%v %s", err, out)
	}
	names := []string{access.Name, keys.Name, prompts.Name, ingest.Name, analysis.Name, notify.Name, console.Name}
	w.at = map[string][]string{}
	for _, name := range names {
		for range perService {
			w.at[name] = append(w.at[name], freeAddress(w.t))
		}
	}
	g := newGateway(w.t, w.address)
	for _, name := range names {
		for n := range perService {
			w.replicas = append(w.replicas, w.one(name, n, secrets, g))
		}
	}
}

// one is the n-th process of a service.
func (w *world) one(name string, n int, secrets string, g *gateway) *replica {
	var peers []string
	for peer, addresses := range w.at {
		for _, a := range addresses {
			peers = append(peers, peer+"="+a)
		}
	}
	slices.Sort(peers)
	ops := freeAddress(w.t)
	args := []string{
		name, "--data", filepath.Join(w.data, fmt.Sprintf("%s-%d", name, n)), "--nats", w.servers.url(),
		"--grpc", w.at[name][n], "--ops", ops, "--peers", strings.Join(peers, ","),
		"--service-secret-file", filepath.Join(secrets, name+".secret"),
	}
	switch name {
	case access.Name:
		args = append(args, "--bootstrap-admin", "admin:"+adminPassword)
	case keys.Name:
		args = append(args, "--master-key-file", filepath.Join(secrets, "master.key"),
			"--provider-base-url", w.base, "--allow-addresses", "127.0.0.0/8")
	case analysis.Name:
		args = append(args, "--allow-addresses", "127.0.0.0/8")
	}
	if serves := servedBy()[name]; len(serves) > 0 {
		address := freeAddress(w.t)
		args = append(args, "--http", address)
		g.add(name, address)
	}
	return &replica{t: w.t, name: fmt.Sprintf("%s-%d", name, n), said: w.said, health: ops, args: args}
}

// taken are the addresses that were given out, so that a process that is down keeps its own.
var taken sync.Map //nolint:gochecknoglobals // there is one machine

// freeAddress is an address that nobody uses, below those that the system gives to outgoing connections: one of these
// could take the place of a process that is down for a moment.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", 10000+rand.IntN(20000))
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		_ = l.Close()
		if _, used := taken.LoadOrStore(address, true); !used {
			return address
		}
	}
	t.Fatal("no address is free")
	return ""
}
