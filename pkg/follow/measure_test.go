package follow_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/kikigaki/kikigaki/pkg/follow"
	"github.com/kikigaki/kikigaki/pkg/serve"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/telemetry"
	"github.com/kikigaki/kikigaki/pkg/telemetry/telemetrytest"
	"github.com/kikigaki/kikigaki/pkg/view"
)

const patience = 10 * time.Second

// awaits polls a page of metrics until it has a line.
func awaits(t *testing.T, tel *telemetry.Telemetry, line string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		text := telemetrytest.Scrape(t.Context(), tel.Handler())
		if strings.Contains(text, line+"\n") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no %s in\n%s", line, text)
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-t.Context().Done():
		}
	}
}

func observing(t *testing.T, cfg telemetry.Config) *telemetry.Telemetry {
	t.Helper()
	tel, err := telemetry.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	return tel
}

func TestHowFarAViewIsBehindIsShown(t *testing.T) {
	t.Parallel()
	b, tel := newBench(t), observing(t, telemetry.Config{})
	for n := range 5 {
		at := fmt.Sprintf("test.thing.%d", n)
		if _, err := b.log.Append(t.Context(), stream.NewGuard("ALL", at), 0, stream.Event{ID: at, Subject: at}); err != nil {
			t.Fatal(err)
		}
	}
	let := make(chan struct{})
	f := follow.New(follow.Config{
		Log: b.log, Path: filepath.Join(t.TempDir(), "v.db"), Buckets: []string{"things"}, Format: "1",
		Streams: []string{"ALL"}, Telemetry: tel.For("reader"),
		Apply: func(*view.Tx, stream.Message) error { <-let; return nil },
	})
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	const behind = `kikigaki_follow_behind{service_name="reader",stream="ALL"}`
	awaits(t, tel, behind+" 5")
	close(let)
	awaits(t, tel, behind+" 0")
	awaits(t, tel, `kikigaki_follow_applied_total{service_name="reader",stream="ALL"} 5`)
	b.stop(f)
	if text := telemetrytest.Scrape(t.Context(), tel.Handler()); strings.Contains(text, behind) {
		t.Error("a follower that has stopped is still shown")
	}
}

func TestARebuildIsCounted(t *testing.T) {
	t.Parallel()
	b, tel := newBench(t), observing(t, telemetry.Config{})
	path := filepath.Join(t.TempDir(), "v.db")
	for _, format := range []string{"1", "2"} {
		f := follow.New(follow.Config{
			Log: b.log, Path: path, Buckets: []string{"things"}, Format: format, Streams: []string{"ALL"},
			Telemetry: tel.For("reader"), Apply: func(*view.Tx, stream.Message) error { return nil },
		})
		if err := f.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.stop(f)
	}
	awaits(t, tel, `kikigaki_follow_rebuilds_total{service_name="reader"} 1`)
}

// asks is a service of one method.
func asks(answer func(context.Context) error) *grpc.ServiceDesc {
	return &grpc.ServiceDesc{
		ServiceName: "test.Ask", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{
			MethodName: "Ask",
			Handler: func(_ any, ctx context.Context, _ func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
				return wrapperspb.String(""), answer(ctx)
			},
		}},
	}
}

// One trace goes from a caller over two servers and the log to whoever follows it.
func TestATraceGoesOnBehindTheLog(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c, err := telemetrytest.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	tel := observing(t, telemetry.Config{Endpoint: c.Endpoint()})
	peer := func(from, to string, answer func(context.Context) error) *grpc.ClientConn {
		server := serve.New(serve.Config{Telemetry: tel.For(to)})
		server.GRPC().RegisterService(asks(answer), new(any))
		conn, err := server.Dial(from, serve.Tracing(tel.For(from)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = errors.Join(conn.Close(), server.Stop(context.Background())) })
		return conn
	}
	ask := func(ctx context.Context, conn *grpc.ClientConn) error {
		return conn.Invoke(ctx, "/test.Ask/Ask", wrapperspb.String(""), new(wrapperspb.StringValue))
	}
	told := make(chan struct{})
	reader := follow.New(follow.Config{
		Log: b.log, Path: filepath.Join(t.TempDir(), "v.db"), Buckets: []string{"things"}, Format: "1",
		Streams: []string{"ALL"}, Apply: func(*view.Tx, stream.Message) error { return nil },
		Applied: func(batch []stream.Message) {
			_, span := tel.For("reader").TracerProvider().Tracer("test").Start(
				telemetry.Extract(context.Background(), batch[0].Trace), "tell")
			span.End()
			close(told)
		},
	})
	if err := reader.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer b.stop(reader)
	writer := peer("middle", "writer", func(ctx context.Context) error {
		_, err := b.log.For(tel.For("writer")).Append(ctx, stream.NewGuard("ALL", all), 0, stream.Event{ID: "1", Subject: "test.thing.1"})
		return err
	})
	middle := peer("outside", "middle", func(ctx context.Context) error { return ask(ctx, writer) })
	if err := ask(t.Context(), middle); err != nil {
		t.Fatal(err)
	}
	<-told
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	spans := c.Spans()
	last, ok := telemetrytest.Find(spans, "reader", "tell")
	want := []string{
		"outside: test.Ask/Ask", "middle: test.Ask/Ask", "middle: test.Ask/Ask", "writer: test.Ask/Ask",
		"writer: append test.thing", "reader: tell",
	}
	if got := telemetrytest.Path(spans, last); !ok || strings.Join(got, " > ") != strings.Join(want, " > ") {
		t.Errorf("%v\n%s", got, telemetrytest.Tree(spans))
	}
}
