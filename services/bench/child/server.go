package child

import (
	"context"
	"errors"

	"github.com/kikigaki/kikigaki/services/internal/broker"
)

// server is an embedded log that nobody uses.
type server struct{ broker *broker.Broker }

func openServer(ctx context.Context, dir string) (*server, error) {
	b, err := broker.Start(ctx, broker.Config{DataDir: dir})
	return &server{b}, err
}

func (s *server) operation(context.Context, int) error {
	return errors.New("a bare server does nothing")
}

func (s *server) close(ctx context.Context) error { return s.broker.Stop(ctx) }
