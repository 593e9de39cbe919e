package serve_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/serve"
)

// Names of the test service's methods; their behaviour is a function of the test.
const (
	unaryMethod  = "/test.Echo/Unary"
	streamMethod = "/test.Echo/Stream"
)

type (
	unary  func(ctx context.Context, in string) (string, error)
	stream func(ss grpc.ServerStream) error
)

// echo describes a service of one unary and one streaming method without generated code.
func echo(u unary, s stream) *grpc.ServiceDesc {
	return &grpc.ServiceDesc{
		ServiceName: "test.Echo", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{
			MethodName: "Unary",
			Handler: func(_ any, ctx context.Context, dec func(any) error, around grpc.UnaryServerInterceptor) (any, error) {
				in := new(wrapperspb.StringValue)
				if err := dec(in); err != nil {
					return nil, err
				}
				return around(ctx, in, &grpc.UnaryServerInfo{FullMethod: unaryMethod}, func(ctx context.Context, _ any) (any, error) {
					out, err := u(ctx, in.GetValue())
					return wrapperspb.String(out), err
				})
			},
		}},
		Streams: []grpc.StreamDesc{{
			StreamName: "Stream", ServerStreams: true, ClientStreams: true,
			Handler: func(_ any, ss grpc.ServerStream) error { return s(ss) },
		}},
	}
}

// open starts a server with the test service and an in-memory connection to it, opened by "console".
func open(t *testing.T, cfg serve.Config, u unary, s stream) (*serve.Server, *grpc.ClientConn) {
	t.Helper()
	server := serve.New(cfg)
	server.GRPC().RegisterService(echo(u, s), new(any))
	conn, err := server.Dial("console")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(conn.Close(), server.Stop(context.Background())); err != nil {
			t.Error(err)
		}
	})
	return server, conn
}

func call(ctx context.Context, conn *grpc.ClientConn, in string) (string, error) {
	out := new(wrapperspb.StringValue)
	err := conn.Invoke(ctx, unaryMethod, wrapperspb.String(in), out)
	return out.GetValue(), err
}

func begin(ctx context.Context, t *testing.T, conn *grpc.ClientConn) grpc.ClientStream {
	t.Helper()
	cs, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, streamMethod)
	if err != nil {
		t.Fatal(err)
	}
	return cs
}

func TestFaultsCrossBothWays(t *testing.T) {
	t.Parallel()
	broken := fault.New(fault.Conflict, "REVISION_STALE", fault.Field("revision"), fault.Param("revision", "7"))
	_, conn := open(t, serve.Config{},
		func(context.Context, string) (string, error) { return "", fault.Op("prompts.update", broken) },
		func(ss grpc.ServerStream) error {
			if err := ss.SendMsg(wrapperspb.String("first")); err != nil {
				return err
			}
			return broken
		})
	_, err := call(t.Context(), conn, "")
	f, ok := fault.As(err)
	if !ok || f.Code != "REVISION_STALE" || f.Field != "revision" || f.Params["revision"] != "7" || f.Op != "prompts.update" {
		t.Fatalf("got %#v", err)
	}
	cs, m := begin(t.Context(), t, conn), new(wrapperspb.StringValue)
	if err := cs.RecvMsg(m); err != nil || m.GetValue() != "first" {
		t.Fatalf("got %v, %v", m, err)
	}
	if err := cs.RecvMsg(m); fault.KindOf(err) != fault.Conflict {
		t.Fatalf("the stream ended with %v", err)
	}
}

func TestAStreamThatEndsWellEndsWithEOF(t *testing.T) {
	t.Parallel()
	_, conn := open(t, serve.Config{}, nil, func(grpc.ServerStream) error { return nil })
	if err := begin(t.Context(), t, conn).RecvMsg(new(wrapperspb.StringValue)); !errors.Is(err, io.EOF) {
		t.Fatalf("got %v", err)
	}
}

func TestAPanicIsOneAnswerAndTheProcessLives(t *testing.T) {
	t.Parallel()
	var log journal
	_, conn := open(t, serve.Config{Logger: log.logger()},
		func(_ context.Context, in string) (string, error) {
			if in == "panic" {
				explode()
			}
			return in, nil
		},
		func(grpc.ServerStream) error { explode(); return nil })
	_, err := call(t.Context(), conn, "panic")
	if fault.CodeOf(err) != "INTERNAL" || strings.Contains(err.Error(), "secret") {
		t.Fatalf("got %v", err)
	}
	err = begin(t.Context(), t, conn).RecvMsg(new(wrapperspb.StringValue))
	if fault.CodeOf(err) != "INTERNAL" || strings.Contains(err.Error(), "secret") {
		t.Fatalf("got %v", err)
	}
	if out, err := call(t.Context(), conn, "still here"); err != nil || out != "still here" {
		t.Fatalf("got %q, %v", out, err)
	}
	text := log.String()
	if strings.Count(text, "the secret reason") != 2 || !strings.Contains(text, "serve_test.explode") {
		t.Fatalf("the log lacks the panic or its stack: %s", text)
	}
}

func TestAPanicInAnInterceptorIsCaughtToo(t *testing.T) {
	t.Parallel()
	bad := func(context.Context, any, *grpc.UnaryServerInfo, grpc.UnaryHandler) (any, error) {
		explode()
		return struct{}{}, nil
	}
	_, conn := open(t, serve.Config{Unary: []grpc.UnaryServerInterceptor{bad}}, nil, nil)
	if _, err := call(t.Context(), conn, ""); fault.CodeOf(err) != "INTERNAL" {
		t.Fatalf("got %v", err)
	}
}

func TestACallWithoutADeadlineGetsOne(t *testing.T) {
	t.Parallel()
	got := make(chan time.Duration, 1)
	left := func(ctx context.Context) {
		at, ok := ctx.Deadline()
		if !ok {
			got <- 0
			return
		}
		got <- time.Until(at)
	}
	_, conn := open(t, serve.Config{},
		func(ctx context.Context, _ string) (string, error) { left(ctx); return "", nil },
		func(ss grpc.ServerStream) error { left(ss.Context()); return nil })
	if _, err := call(context.Background(), conn, ""); err != nil {
		t.Fatal(err)
	}
	if d := <-got; d <= 20*time.Second || d > 30*time.Second {
		t.Errorf("a call without a deadline has %v", d)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if _, err := call(ctx, conn, ""); err != nil {
		t.Fatal(err)
	}
	if d := <-got; d < 9*time.Minute {
		t.Errorf("a call with 10 minutes has %v", d)
	}
	_ = begin(context.Background(), t, conn).RecvMsg(new(wrapperspb.StringValue))
	if d := <-got; d != 0 {
		t.Errorf("a stream has %v", d)
	}
}

// TestNobodyOnANetworkIsALocalService is a fence: the name of an in-memory peer decides what it may do.
func TestNobodyOnANetworkIsALocalService(t *testing.T) {
	t.Parallel()
	server, conn := open(t, serve.Config{}, func(ctx context.Context, _ string) (string, error) {
		name, ok := serve.PeerService(ctx)
		if !ok {
			return "nobody", nil
		}
		return name, nil
	}, nil)
	if out, err := call(t.Context(), conn, ""); err != nil || out != "console" {
		t.Fatalf("the opener of the connection is %q, %v", out, err)
	}
	worker, err := server.Dial("analysis-worker")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = worker.Close() }()
	claim := metadata.AppendToOutgoingContext(t.Context(), "service", "console", "peer", "console")
	if out, err := call(claim, worker, ""); err != nil || out != "analysis-worker" {
		t.Fatalf("another's connection is %q, %v", out, err)
	}
	addr, err := server.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	outside, err := grpc.NewClient(addr.String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithAuthority("console"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = outside.Close() }()
	if out, err := call(claim, outside, ""); err != nil || out != "nobody" {
		t.Fatalf("a network peer is %q, %v", out, err)
	}
	if name, ok := serve.PeerService(context.Background()); ok {
		t.Fatalf("no peer at all is %q", name)
	}
}

func TestAMessageBeyondTheLimitIsTooLarge(t *testing.T) {
	t.Parallel()
	_, conn := open(t, serve.Config{MaxMessageBytes: 4096},
		func(_ context.Context, in string) (string, error) { return in, nil }, nil)
	if _, err := call(t.Context(), conn, strings.Repeat("x", 3000)); err != nil {
		t.Fatal(err)
	}
	if _, err := call(t.Context(), conn, strings.Repeat("x", 5000)); fault.KindOf(err) != fault.TooLarge {
		t.Fatalf("got %v", err)
	}
}

func TestHealthIsServed(t *testing.T) {
	t.Parallel()
	_, conn := open(t, serve.Config{}, nil, nil)
	res, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{})
	if err != nil || res.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		t.Fatalf("got %v, %v", res, err)
	}
}

func TestStopWaitsForCallsUnderWay(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	server, conn := open(t, serve.Config{}, func(context.Context, string) (string, error) {
		close(entered)
		<-release
		return "done", nil
	}, nil)
	answered := make(chan error, 1)
	go func() { _, err := call(context.Background(), conn, ""); answered <- err }()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- server.Stop(context.Background()) }()
	select {
	case err := <-stopped:
		t.Fatalf("Stop did not wait: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	close(release)
	if err := errors.Join(<-answered, <-stopped); err != nil {
		t.Fatal(err)
	}
	if _, err := call(t.Context(), conn, ""); fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("a call after Stop: %v", err)
	}
}

func TestStopCutsOffWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{})
	server, conn := open(t, serve.Config{}, nil, func(ss grpc.ServerStream) error {
		close(entered)
		<-ss.Context().Done()
		return ss.Context().Err()
	})
	cs := begin(context.Background(), t, conn)
	<-entered
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := server.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if err := cs.RecvMsg(new(wrapperspb.StringValue)); fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("the stream ended with %v", err)
	}
}

func TestStopDoesNotWaitForADeafHandler(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	server, conn := open(t, serve.Config{}, func(context.Context, string) (string, error) {
		close(entered)
		<-release
		return "", nil
	}, nil)
	go func() { _, _ = call(context.Background(), conn, "") }()
	<-entered
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := server.Stop(ctx)
	close(release)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

func TestStopIsSafeAtAnyTime(t *testing.T) {
	t.Parallel()
	server := serve.New(serve.Config{})
	for range 2 {
		if err := server.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := server.Listen(t.Context(), "127.0.0.1:-1"); err == nil {
		t.Fatal("an impossible address was listened on")
	}
	busy, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	if _, err := serve.New(serve.Config{}).Listen(t.Context(), busy.Addr().String()); err == nil {
		t.Fatal("a busy address was listened on")
	}
}

func TestAStatusFromElsewhereDoesNotLeak(t *testing.T) {
	t.Parallel()
	_, conn := open(t, serve.Config{}, func(context.Context, string) (string, error) {
		return "", status.Error(codes.Internal, "open /srv/secret")
	}, nil)
	_, err := call(t.Context(), conn, "")
	if fault.CodeOf(err) != "INTERNAL" || strings.Contains(err.Error(), "/srv/secret") {
		t.Fatalf("got %v", err)
	}
}
