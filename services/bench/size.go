package main

import (
	"context"
	"os"

	"github.com/kikigaki/kikigaki/services/bench/measure"
)

// size is the row of the binaries' sizes.
type size struct{ system, server string }

func (l *lab) openSize(ctx context.Context) (measure.Trial, error) {
	system, err := l.binary(ctx)
	if err != nil {
		return nil, err
	}
	server, err := l.bareServer(ctx)
	return &size{system, server}, err
}

// Limit is the server.
func (s *size) Limit(context.Context) (measure.Reading, error) { return sizeOf(s.server) }

// Subject is the program.
func (s *size) Subject(context.Context) (measure.Reading, error) { return sizeOf(s.system) }

func sizeOf(path string) (measure.Reading, error) {
	info, err := os.Stat(path)
	if err != nil {
		return measure.Reading{}, err
	}
	return measure.Reading{Figure: float64(info.Size())}, nil
}

// Check has nothing left to do: both were built, and are there.
func (s *size) Check(context.Context) error { return nil }

// Close has nothing to end.
func (s *size) Close(context.Context) error { return nil }
