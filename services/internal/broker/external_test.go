package broker

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
)

func TestAnExternalServerIsWaitedForAndFoundAgain(t *testing.T) {
	t.Parallel()
	server := streamtest.Start(t, streamtest.Listening())
	server.Close()
	var log page
	started := make(chan *Broker, 1)
	go func() {
		b, err := Start(t.Context(), Config{URL: server.URL(), Logger: newLogger(&log)})
		if err != nil {
			t.Errorf("start: %v", err)
		}
		started <- b
	}()
	eventually(t, "a word about waiting", func() bool { return strings.Contains(log.String(), "waiting for the log") })
	server.Restart(t)
	b := <-started
	if b == nil {
		return
	}
	t.Cleanup(func() { stop(t, b) })
	if b.Replicas() != 1 || b.Addr() != nil || b.Marker() != nil {
		t.Errorf("replicas %d, address %v, marker %v", b.Replicas(), b.Addr(), b.Marker())
	}
	declare(t, b)
	publish(t, b, "one")

	server.Close()
	eventually(t, "the outage to show", func() bool { return b.Ready(t.Context()) != nil })
	server.Restart(t)
	eventually(t, "the connection to come back", func() bool { return b.Ready(t.Context()) == nil })
	if got := stored(t, b); got != 1 {
		t.Errorf("%d messages", got)
	}
	if err := b.Restart(t.Context()); err != nil {
		t.Errorf("restarting what is not ours: %v", err)
	}
}

func TestStartGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	server := streamtest.Start(t, streamtest.Listening())
	server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Start(ctx, Config{URL: server.URL()}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nobody there: %v", err)
	}
}

func TestAClusterKeepsThreeOfEach(t *testing.T) {
	t.Parallel()
	cluster := streamtest.StartCluster(t)
	b := start(t, Config{URL: cluster.URL()})
	if b.Replicas() != 3 {
		t.Fatalf("%d replicas", b.Replicas())
	}
	declare(t, b)
	publish(t, b, "one")
	cluster.StopNode(t, cluster.WaitLeader(t, "TRIAL"))
	eventually(t, "the others to answer", func() bool { return b.Ready(t.Context()) == nil })
}
