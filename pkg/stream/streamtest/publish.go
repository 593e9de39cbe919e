package streamtest

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Publisher is a stranger who publishes to streams, over a connection of its own. What it returns is the stream's refusal.
func (s *Server) Publisher(t testing.TB) func(subject string, header map[string][]string, data []byte) error {
	t.Helper()
	js, err := jetstream.New(s.Conn(t))
	if err != nil {
		t.Fatal(err)
	}
	return func(subject string, header map[string][]string, data []byte) error {
		_, err := js.PublishMsg(t.Context(), &nats.Msg{Subject: subject, Header: header, Data: data})
		return err
	}
}
