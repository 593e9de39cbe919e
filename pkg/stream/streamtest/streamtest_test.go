package streamtest

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAPublishedMessageSurvivesARestart(t *testing.T) {
	t.Parallel()
	s := Start(t)
	js := jetStream(t, s.Conn(t))
	declare(t, js, "TRIAL", 1)
	publish(t, js, "trial.a", "before")

	s.Restart(t)

	// The connection is the one from before: it has found the new server by itself.
	if got := last(t, js, "TRIAL", "trial.a"); got != "before" {
		t.Errorf("after the restart the stream holds %q", got)
	}
	publish(t, js, "trial.a", "after")
	if got := last(t, js, "TRIAL", "trial.a"); got != "after" {
		t.Errorf("the restarted server kept %q", got)
	}
}

func TestAServerHasNoPortUnlessAskedFor(t *testing.T) {
	t.Parallel()
	if s := Start(t); s.URL() != "" || s.run.Addr() != nil {
		t.Errorf("url %q, address %v", s.URL(), s.run.Addr())
	}

	s := Start(t, Listening())
	url := s.URL()
	nc := connect(t, url)
	if host, _, err := net.SplitHostPort(nc.ConnectedAddr()); err != nil || host != loopback {
		t.Errorf("listens on %s (%v)", nc.ConnectedAddr(), err)
	}
	s.Restart(t)
	if s.URL() != url {
		t.Errorf("moved from %s to %s", url, s.URL())
	}
	eventually(t, "the connection to come back", func() bool { return nc.FlushTimeout(time.Second) == nil })
}

func TestAFullStoreRefuses(t *testing.T) {
	t.Parallel()
	js := jetStream(t, Start(t, MaxStore(64<<10)).Conn(t))
	declare(t, js, "TRIAL", 1)
	for i := range 100 {
		if _, err := js.Publish(t.Context(), "trial.a", make([]byte, 8<<10)); err != nil {
			if i == 0 {
				t.Errorf("even the first message was refused: %v", err)
			}
			return
		}
	}
	t.Error("800 KiB went into a store of 64 KiB")
}

func TestServersSyncEveryWrite(t *testing.T) {
	t.Parallel()
	if s := Start(t); !s.run.JetStreamConfig().SyncAlways {
		t.Error("one server: acknowledged does not mean on disk")
	}
	if s := Start(t, Unsynced()); s.run.JetStreamConfig().SyncAlways {
		t.Error("a server that need not sync does")
	}
}

func jetStream(t *testing.T, nc *nats.Conn) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func declare(t *testing.T, js jetstream.JetStream, name string, replicas int) {
	t.Helper()
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: name, Subjects: []string{"trial.>"}, Replicas: replicas, Storage: jetstream.FileStorage,
	})
	if err != nil {
		t.Fatalf("declare %s: %v", name, err)
	}
}

// publish repeats until the message is acknowledged: a stream without a leader refuses for some seconds.
func publish(t *testing.T, js jetstream.JetStream, subject, text string) {
	t.Helper()
	var err error
	eventually(t, fmt.Sprintf("an acknowledgement of %q", text), func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, err = js.Publish(ctx, subject, []byte(text))
		return err == nil
	})
}

func last(t *testing.T, js jetstream.JetStream, stream, subject string) string {
	t.Helper()
	var text string
	eventually(t, "stream "+stream+" to answer", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		s, err := js.Stream(ctx, stream)
		if err != nil {
			return false
		}
		msg, err := s.GetLastMsgForSubject(ctx, subject)
		if err != nil {
			return false
		}
		text = string(msg.Data)
		return true
	})
	return text
}
