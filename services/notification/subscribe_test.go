package notify

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/serve"
	notificationv1 "github.com/kikigaki/kikigaki/proto/kikigaki/notification/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// subscribe serves a replica over gRPC and opens a stream with a token.
func (w *world) subscribe(
	r *replica, token, after string,
) grpc.ServerStreamingClient[notificationv1.SubscribeResponse] {
	w.t.Helper()
	receiver := identity.Receiver{Verifier: w.verifier, Resolve: w.resolve}
	server := serve.New(serve.Config{Stream: []grpc.StreamServerInterceptor{receiver.Stream()}})
	r.Register(server.GRPC())
	conn, err := server.Dial("tester")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		r.Drain()
		_ = conn.Close()
		_ = server.Stop(context.Background())
	})
	ctx := metadata.AppendToOutgoingContext(w.t.Context(), "authorization", "Bearer "+token)
	out, err := notificationv1.NewNotificationServiceClient(conn).
		Subscribe(ctx, &notificationv1.SubscribeRequest{After: after})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// resolve asks the gate without keeping its answers.
func (w *world) resolve(_ context.Context, token string) (identity.Caller, string, error) {
	c, err := w.gate.caller(token)
	return c, "", err
}

func TestSubscribe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	folder, _ := views(t)
	r := w.start(folder, func(s *Service) { s.pace.check, s.resolve = 5*time.Millisecond, w.resolve })
	first := w.completed("a", "ann", 1)
	second := w.failed("a", "bob", 2)

	out := w.subscribe(r, "a:ann", w.id(first))
	if _, err := out.Header(); err != nil {
		t.Fatal(err)
	}
	w.completed("b", "eve", 3)
	third := w.completed("a", "bob", 4)
	for _, want := range []uint64{second, third} {
		got, err := out.Recv()
		if err != nil || got.GetNotification().GetId() != w.id(want) {
			t.Fatalf("told was %v, %v; want %d", got, err, want)
		}
	}
	w.gate.shut.Store("a:ann", true)
	if got, err := out.Recv(); fault.CodeOf(err) != "UNAUTHENTICATED" {
		t.Errorf("with the token revoked came %v, %v", got, err)
	}

	out = w.subscribe(r, "a:bob", "ELSEWHERE-1")
	if got, err := out.Recv(); err != nil || got.GetReset_() != w.id(third) {
		t.Errorf("of another incarnation: %v, %v", got, err)
	}
	r.Drain()
	if got, err := out.Recv(); fault.CodeOf(err) != "UNAVAILABLE" {
		t.Errorf("from a replica that stops came %v, %v", got, err)
	}
	if got, err := w.subscribe(r, "a:bob", "").Recv(); fault.CodeOf(err) != "UNAVAILABLE" {
		t.Errorf("from one that has stopped came %v, %v", got, err)
	}
}

func TestASubscriberThatDoesNotReceiveIsCut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	folder, _ := views(t)
	r := w.start(folder, func(s *Service) { s.pace.write = 100 * time.Millisecond })
	out := w.subscribe(r, "a:ann", "")
	if _, err := out.Header(); err != nil {
		t.Fatal(err)
	}
	const count = 150
	for n := range count {
		e := completed(fmt.Sprint("x", n), "ann")
		e.GetCompleted().GetOutcome().CallLabel = strings.Repeat("長", 1000) // more than the flow control lets through
		w.tell(subject.Analysis("a", "c", fmt.Sprint("x", n), subject.KindCompleted), e)
	}
	r.streams.Wait() // the only one, which is never drained
	told := 0
	for ; told <= count; told++ {
		if _, err := out.Recv(); err != nil {
			if fault.CodeOf(err) != "UNAVAILABLE" {
				t.Errorf("it was cut with %v", err)
			}
			break
		}
	}
	if told == 0 || told >= count {
		t.Errorf("it was told %d of %d", told, count)
	}
}

// stalled is a screen that is stuck until it is let go.
type stalled struct {
	stuck chan struct{}
	let   chan struct{}
	told  atomic.Int64
}

func (s *stalled) opened(place) error          { close(s.stuck); return nil }
func (s *stalled) reset(place) error           { return nil }
func (s *stalled) beat() error                 { return nil }
func (s *stalled) check(context.Context) error { return nil }

func (s *stalled) tell(list []*outcome) error {
	s.told.Add(int64(len(list)))
	<-s.let
	return nil
}

func TestAStreamThatFallsTooFarBehindIsCut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	folder, _ := views(t)
	r := w.start(folder, func(s *Service) { s.ring = newRing(4) })
	to := &stalled{stuck: make(chan struct{}), let: make(chan struct{})}
	over := make(chan error)
	go func() { over <- r.live(t.Context(), "a", "", to) }()
	<-to.stuck
	w.completed("a", "ann", 0)
	eventually(t, "the first to be told", func() bool { return to.told.Load() == 1 })
	var last uint64
	for n := range 9 {
		last = w.completed("a", "ann", n+1)
	}
	w.reached(r, last)
	close(to.let)
	if err := <-over; fault.KindOf(err) != fault.Unavailable {
		t.Errorf("it ended with %v", err)
	}
	if got := to.told.Load(); got >= 10 {
		t.Errorf("it was told %d, however long that took", got)
	}
}

// answering is a screen whose authorisation is what the test says.
type answering struct {
	stalled

	err   error
	beats int
}

func (a *answering) check(context.Context) error { return a.err }
func (a *answering) beat() error                 { a.beats++; return nil }

func TestAStreamLivesAsLongAsItIsAuthorised(t *testing.T) {
	t.Parallel()
	begun := time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)
	to := &answering{}
	l := life{pace: usualPace(), to: to, allowed: begun}
	at := func(seconds int, err error) bool {
		to.err = err
		return l.tick(t.Context(), begun.Add(time.Duration(seconds)*time.Second)) == nil
	}
	away := fault.New(fault.Unavailable, "UNAVAILABLE")
	if !at(5, nil) || !at(10, away) || !at(64, away) {
		t.Error("it ended while access was away for less than 60 s")
	}
	if to.beats != 1 {
		t.Errorf("%d beats in 3 silent ticks", to.beats)
	}
	if at(65, away) {
		t.Error("it lives though nobody has known for 60 s who that is")
	}
	if !at(66, nil) || !at(120, away) {
		t.Error("an answer does not count")
	}
	for _, kind := range []fault.Kind{fault.Unauthenticated, fault.Forbidden} {
		if at(121, fault.New(kind, "X")) {
			t.Errorf("it lives though the answer is %s", kind)
		}
	}
}
