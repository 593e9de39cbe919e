package child

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/kikigaki/kikigaki/services/bench/measure"
)

// work is what a child does: one append or write of an operation, and its end.
type work interface {
	// operation does each in a row.
	operation(ctx context.Context, each int) error
	close(ctx context.Context) error
}

// Run is a whole child: what it is, where it works, its orders and its answers, one a line.
func Run(ctx context.Context, what, dir string, orders io.Reader, answers io.Writer) error {
	out := json.NewEncoder(answers)
	w, err := open(ctx, what, dir)
	if err != nil {
		return errors.Join(err, out.Encode(Answer{Error: err.Error()}))
	}
	first := Answer{}
	if s, ok := w.(*static); ok {
		first.URL = s.url
	}
	err = out.Encode(first)
	in := json.NewDecoder(orders)
	for err == nil {
		var o Order
		if err = in.Decode(&o); err == nil {
			err = out.Encode(carryOut(ctx, w, o))
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, w.close(context.WithoutCancel(ctx)))
}

func open(ctx context.Context, what, dir string) (work, error) {
	switch what {
	case Append:
		return openAppender(ctx, dir)
	case Ingest:
		return openIngester(ctx, dir)
	case Write:
		return openWriter(dir)
	case Serve:
		return openServer(ctx, dir)
	case Static:
		return openStatic(ctx, dir)
	case Request:
		return openAsker(), nil
	}
	return nil, fmt.Errorf("there is no child %q", what)
}

// carryOut begins operations for as long as the order says.
func carryOut(ctx context.Context, w work, o Order) Answer {
	if a, ok := w.(*asker); ok {
		return a.carryOut(ctx, o)
	}
	var took []float64
	begun := time.Now()
	end := begun.Add(time.Duration(o.Seconds * float64(time.Second)))
	for n := 0; ; n++ {
		planned := time.Now()
		if o.Rate > 0 {
			planned = begun.Add(time.Duration(float64(n) / o.Rate * float64(time.Second)))
		}
		if !planned.Before(end) {
			return Answer{Operations: n, Median: measure.Median(took)}
		}
		err := wait(ctx, planned)
		if err == nil {
			err = w.operation(ctx, o.Each)
		}
		if err != nil {
			return Answer{Error: err.Error()}
		}
		took = append(took, time.Since(planned).Seconds())
	}
}

func wait(ctx context.Context, until time.Time) error {
	left := time.Until(until)
	if left <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(left)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
