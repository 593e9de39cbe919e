package stream_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/kikigaki/kikigaki/pkg/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	name  = "TEST_CALLS"
	scope = "test.call.t.c.>"
)

func declaration() stream.Declaration {
	return stream.Declaration{Name: name, Subjects: []string{"test.call.>"}, MaxBytes: 64 << 20}
}

// open makes a Log with the test's stream in it.
func open(t *testing.T, nc *nats.Conn, replicas int) *stream.Log {
	t.Helper()
	l, err := stream.Open(nc, stream.Config{Replicas: replicas})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Declare(t.Context(), declaration()); err != nil {
		t.Fatal(err)
	}
	return l
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// requestTime bounds one try in a test that tries again.
const requestTime = 10 * time.Second
