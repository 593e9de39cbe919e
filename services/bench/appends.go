package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kikigaki/kikigaki/services/bench/child"
	"github.com/kikigaki/kikigaki/services/bench/measure"
	"github.com/kikigaki/kikigaki/services/bench/rig"
)

// appends is the row of durable appends: a child that appends, and one that writes to a plain file on the same disk.
type appends struct {
	dir               string
	seconds           float64
	appender, writer  *rig.Child
	appended, written int
}

func (l *lab) openAppend(ctx context.Context) (t measure.Trial, err error) {
	a := &appends{seconds: l.seconds}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close(ctx))
		}
	}()
	if a.dir, err = os.MkdirTemp(l.dir, "append-"); err != nil {
		return nil, err
	}
	if a.appender, _, _, err = rig.StartChild(ctx, child.Append, a.log()); err != nil {
		return nil, err
	}
	a.writer, _, _, err = rig.StartChild(ctx, child.Write, a.dir)
	return a, err
}

func (a *appends) log() string { return filepath.Join(a.dir, "log") }

// Limit writes to the file.
func (a *appends) Limit(context.Context) (measure.Reading, error) {
	return hammer(a.writer, a.seconds, &a.written)
}

// Subject appends to the log.
func (a *appends) Subject(context.Context) (measure.Reading, error) {
	return hammer(a.appender, a.seconds, &a.appended)
}

// hammer has one operation after the other done.
func hammer(c *rig.Child, seconds float64, total *int) (measure.Reading, error) {
	answer, wall, cpu, err := c.Ask(child.Order{Each: 1, Seconds: seconds})
	if err != nil {
		return measure.Reading{}, err
	}
	*total += answer.Operations
	n := float64(answer.Operations)
	return measure.Reading{CPU: cpu.Seconds() / n, Figure: wall.Seconds() / n}, nil
}

// Check reads back from the disk what was acknowledged.
func (a *appends) Check(ctx context.Context) error {
	if err := errors.Join(a.appender.Stop(), a.writer.Stop()); err != nil {
		return err
	}
	file, err := os.Stat(filepath.Join(a.dir, child.File))
	if err != nil {
		return err
	}
	if want := int64(a.written) * child.EventSize; file.Size() != want {
		return fmt.Errorf("the plain file has %d bytes, want %d", file.Size(), want)
	}
	return child.Verify(ctx, a.log(), uint64(a.appended))
}

// Close ends the children.
func (a *appends) Close(context.Context) error {
	return errors.Join(a.appender.Stop(), a.writer.Stop(), os.RemoveAll(a.dir))
}

// alone is the row of single utterances: a child that is transcript-ingest, and one that appends to the same kind of log.
type alone struct {
	dir            string
	seconds        float64
	ingester, raw  *rig.Child
	said, appended int
}

func (l *lab) openAlone(ctx context.Context) (t measure.Trial, err error) {
	a := &alone{seconds: l.seconds}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close(ctx))
		}
	}()
	if a.dir, err = os.MkdirTemp(l.dir, "alone-"); err != nil {
		return nil, err
	}
	if a.raw, _, _, err = rig.StartChild(ctx, child.Append, filepath.Join(a.dir, "limit")); err != nil {
		return nil, err
	}
	a.ingester, _, _, err = rig.StartChild(ctx, child.Ingest, filepath.Join(a.dir, "words"))
	return a, err
}

// Limit appends events.
func (a *alone) Limit(context.Context) (measure.Reading, error) {
	return hammer(a.raw, a.seconds, &a.appended)
}

// Subject brings utterances in.
func (a *alone) Subject(context.Context) (measure.Reading, error) {
	return hammer(a.ingester, a.seconds, &a.said)
}

// Check reads from the disk what was acknowledged.
func (a *alone) Check(ctx context.Context) error {
	return errors.Join(a.raw.Stop(), a.ingester.Stop(),
		child.Verify(ctx, filepath.Join(a.dir, "limit"), uint64(a.appended)),
		child.VerifyWords(ctx, filepath.Join(a.dir, "words"), uint64(a.said)))
}

// Close ends the children.
func (a *alone) Close(context.Context) error {
	return errors.Join(a.raw.Stop(), a.ingester.Stop(), os.RemoveAll(a.dir))
}
