package streamtest

import (
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// Punch removes one message from a stream behind everybody's back, as damage to the store does.
func (s *Server) Punch(t testing.TB, stream string, sequence uint64) {
	t.Helper()
	if err := s.stream(t, stream).DeleteMsg(t.Context(), sequence); err != nil {
		t.Fatalf("streamtest: punch: %v", err)
	}
}

// Drop removes a stream behind everybody's back.
func (s *Server) Drop(t testing.TB, stream string) {
	t.Helper()
	js, err := jetstream.New(s.Conn(t))
	if err == nil {
		err = js.DeleteStream(t.Context(), stream)
	}
	if err != nil {
		t.Fatalf("streamtest: drop: %v", err)
	}
}

func (s *Server) stream(t testing.TB, name string) jetstream.Stream {
	t.Helper()
	js, err := jetstream.New(s.Conn(t))
	if err != nil {
		t.Fatalf("streamtest: %v", err)
	}
	out, err := js.Stream(t.Context(), name)
	if err != nil {
		t.Fatalf("streamtest: %v", err)
	}
	return out
}

// Limit changes how many bytes a stream may hold. Less than it holds makes it refuse whatever comes.
func (s *Server) Limit(t testing.TB, name string, bytes int64) {
	t.Helper()
	found := s.stream(t, name)
	cfg := found.CachedInfo().Config
	cfg.MaxBytes = bytes
	js, err := jetstream.New(s.Conn(t))
	if err == nil {
		_, err = js.UpdateStream(t.Context(), cfg)
	}
	if err != nil {
		t.Fatal(err)
	}
}
