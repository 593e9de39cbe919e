package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/kikigaki/kikigaki/services/bench/child"
	"github.com/kikigaki/kikigaki/services/bench/measure"
	"github.com/kikigaki/kikigaki/services/bench/rig"
)

const (
	// connections is how many clients ask at once.
	connections = 16
	// tokens is how many API tokens they have: each may ask 10,000 times a second.
	tokens = 4
)

// readers is the row of the compatible transcript API: the whole system, a static handler of the same bytes, and clients
// in a process of their own that ask either.
type readers struct {
	dir      string
	seconds  float64
	system   *rig.System
	clients  []*rig.Client
	static   *rig.Child
	asker    *rig.Child
	here     child.Ask // of the system
	there    child.Ask // of the static handler
	before   int       // answers that were counted before the first leg
	answered int
}

func (l *lab) openReaders(ctx context.Context) (t measure.Trial, err error) {
	binary, err := l.binary(ctx)
	if err != nil {
		return nil, err
	}
	r := &readers{seconds: l.seconds}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close(ctx))
		}
	}()
	if r.dir, err = os.MkdirTemp(l.dir, "readers-"); err != nil {
		return nil, err
	}
	if r.system, _, _, err = rig.StartSystem(ctx, binary, r.dir+"/system"); err != nil {
		return nil, err
	}
	var names []string
	for range tokens {
		c, err := rig.LogIn(ctx, r.system.URL)
		if err != nil {
			return nil, err
		}
		r.clients, names = append(r.clients, c), append(names, c.Authorization())
	}
	page, ask, err := r.clients[0].Spoken(ctx)
	if err != nil {
		return nil, err
	}
	if err := page.Save(r.dir); err != nil {
		return nil, err
	}
	if r.static, _, _, err = rig.StartChild(ctx, child.Static, r.dir); err != nil {
		return nil, err
	}
	if r.asker, _, _, err = rig.StartChild(ctx, child.Request, r.dir); err != nil {
		return nil, err
	}
	ask.Authorizations = names
	r.here, r.there = ask, ask
	r.there.URL = r.static.URL
	r.before, err = r.clients[0].Answered(ctx)
	return r, err
}

// Limit asks the static handler.
func (r *readers) Limit(context.Context) (measure.Reading, error) {
	reading, _, err := r.leg(r.there, r.static.PID())
	return reading, err
}

// Subject asks the system, and remembers how many answers came.
func (r *readers) Subject(context.Context) (measure.Reading, error) {
	reading, n, err := r.leg(r.here, r.system.PID())
	r.answered += n
	return reading, err
}

func (r *readers) leg(ask child.Ask, server int) (measure.Reading, int, error) {
	before, err := rig.CPUTime(server)
	if err != nil {
		return measure.Reading{}, 0, err
	}
	a, wall, _, err := r.asker.Ask(child.Order{Each: connections, Seconds: r.seconds, Ask: &ask})
	if err != nil {
		return measure.Reading{}, 0, err
	}
	after, err := rig.CPUTime(server)
	n := float64(a.Operations)
	return measure.Reading{CPU: (after - before).Seconds() / n, Figure: wall.Seconds() / n}, a.Operations, err
}

// Check asks the system how many answers it has counted: as many as came.
func (r *readers) Check(ctx context.Context) error {
	counted, err := r.clients[0].Answered(ctx)
	if err == nil && counted-r.before != r.answered {
		err = fmt.Errorf("%d answers were counted, and %d came", counted-r.before, r.answered)
	}
	return err
}

// Close ends everything.
func (r *readers) Close(context.Context) error {
	for _, c := range r.clients {
		c.Close()
	}
	return errors.Join(r.asker.Stop(), r.static.Stop(), r.system.Stop(), os.RemoveAll(r.dir))
}
