package stream_test

import (
	"errors"
	"testing"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
)

// A server that goes down takes what it kept in memory with it. Whoever misses such a stream makes it anew; one that was
// on disk is never made anew by reading.
func TestAStreamInMemoryComesBackEmptyAndNoOther(t *testing.T) {
	t.Parallel()
	server := streamtest.Start(t)
	l := open(t, server.Conn(t), 1)
	lease := stream.Declaration{Name: "TEST_LEASES", Subjects: []string{"test.lease.>"}, Memory: true, MaxBytes: 1 << 20}
	if _, _, err := l.Declare(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	g := stream.NewGuard("TEST_LEASES", "test.lease.a")
	if _, err := l.Append(t.Context(), g, 0, stream.Event{ID: "1", Subject: "test.lease.a"}); err != nil {
		t.Fatal(err)
	}
	if m, ok, err := l.Last(t.Context(), g); err != nil || !ok || m.Sequence != 1 {
		t.Fatalf("%+v %v %v", m, ok, err)
	}
	server.Drop(t, "TEST_LEASES")
	if _, ok, err := l.Last(t.Context(), g); err != nil || ok {
		t.Fatalf("after the server went down: there %v, %v", ok, err)
	}
	if seq, err := l.Append(t.Context(), g, 0, stream.Event{ID: "2", Subject: "test.lease.a"}); err != nil || seq != 1 {
		t.Fatalf("taken up again: %d, %v", seq, err)
	}
	server.Drop(t, name)
	for range 2 {
		if _, _, err := l.Last(t.Context(), stream.NewGuard(name, scope)); !errors.Is(err, stream.ErrNoStream) {
			t.Fatalf("a stream that was lost: %v", err)
		}
	}
}
