package serve_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/serve"
)

// counted is a server that counts what it is asked, and answers as it is told.
type counted struct {
	asked  atomic.Int64
	refuse atomic.Bool
	server *serve.Server
	addr   net.Addr
}

func startCounted(t *testing.T, address string) *counted {
	t.Helper()
	c := &counted{}
	c.server = serve.New(serve.Config{Unary: []grpc.UnaryServerInterceptor{
		func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			c.asked.Add(1)
			if c.refuse.Load() {
				return nil, fault.New(fault.Unavailable, "UNAVAILABLE")
			}
			return next(ctx, req)
		},
	}})
	var err error
	if c.addr, err = c.server.Listen(t.Context(), address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.server.Stop(context.Background()) })
	return c
}

func check(ctx context.Context, conn *grpc.ClientConn) error {
	_, err := healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{})
	return err
}

func connect(t *testing.T, targets ...string) *grpc.ClientConn {
	t.Helper()
	conn, err := serve.Connect(targets)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestCallsAreSpreadOverReplicasAndGoOnWithThoseLeft(t *testing.T) {
	t.Parallel()
	one, two := startCounted(t, "127.0.0.1:0"), startCounted(t, "127.0.0.1:0")
	conn := connect(t, one.addr.String(), two.addr.String())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for one.asked.Load() < 5 || two.asked.Load() < 5 {
		if err := check(ctx, conn); err != nil {
			t.Fatal(err)
		}
	}
	if err := two.server.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if err := check(ctx, conn); err != nil {
			t.Fatalf("with one of two replicas left: %v", err)
		}
	}
	again := startCounted(t, two.addr.String())
	for again.asked.Load() == 0 {
		if err := check(ctx, conn); err != nil {
			t.Fatalf("while the replica comes back: %v", err)
		}
	}
}

func TestNobodyToConnectToIsUnavailable(t *testing.T) {
	t.Parallel()
	if _, err := serve.Connect(nil); err == nil {
		t.Error("connected to nowhere")
	}
	gone := startCounted(t, "127.0.0.1:0")
	if err := gone.server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := check(t.Context(), connect(t, gone.addr.String()))
	if fault.KindOf(err) != fault.Unavailable {
		t.Errorf("got %v", err)
	}
}

// A call whose contract does not say that it may be repeated is made once, also when the answer is Unavailable.
func TestACallThatMayHaveBeenServedIsNotRepeated(t *testing.T) {
	t.Parallel()
	c := startCounted(t, "127.0.0.1:0")
	c.refuse.Store(true)
	if err := check(t.Context(), connect(t, c.addr.String())); status.Code(err) == codes.OK {
		t.Fatal("it was answered")
	}
	if n := c.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}
