package lifecycle_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/kikigaki/kikigaki/pkg/lifecycle"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// diary is what happened, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) write(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *diary) is(t *testing.T, want ...string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Equal(d.lines, want) {
		t.Errorf("got %v, want %v", d.lines, want)
	}
}

func (d *diary) unit(name string, startErr, stopErr error) lifecycle.Unit {
	return lifecycle.Unit{
		Name:  name,
		Start: func(context.Context) error { d.write("+" + name); return startErr },
		Stop:  func(ctx context.Context) error { d.write("-" + name); return errors.Join(stopErr, ctx.Err()) },
	}
}

func TestUnitsStartInOrderAndStopInReverse(t *testing.T) {
	t.Parallel()
	var d diary
	g := lifecycle.New(nil, d.unit("log", nil, nil), lifecycle.Unit{Name: "idle"}, d.unit("web", nil, nil))
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := g.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	d.is(t, "+log", "+web", "-web", "-log")
}

func TestStopWithoutStartDoesNothing(t *testing.T) {
	t.Parallel()
	var d diary
	if err := lifecycle.New(nil, d.unit("log", nil, nil)).Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.is(t)
}

func TestAFailingStartStopsWhatHadStarted(t *testing.T) {
	t.Parallel()
	var d diary
	broken := errors.New("port taken")
	g := lifecycle.New(nil, d.unit("log", nil, nil), d.unit("view", nil, nil), d.unit("web", broken, nil), d.unit("late", nil, nil))
	err := g.Start(t.Context())
	if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "start web: ") {
		t.Fatalf("got %v", err)
	}
	if err := g.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.is(t, "+log", "+view", "+web", "-view", "-log")
}

func TestAnEndedContextStopsTheStartAndStillStopsProperly(t *testing.T) {
	t.Parallel()
	var d diary
	ctx, cancel := context.WithCancel(t.Context())
	interrupt := lifecycle.Unit{Name: "slow", Start: func(context.Context) error { cancel(); return nil }}
	g := lifecycle.New(nil, d.unit("log", nil, nil), interrupt, d.unit("web", nil, nil))
	err := g.Start(ctx)
	if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "stop") {
		t.Fatalf("got %v", err) // "stop log" in it: the units were stopped with a context that was done already
	}
	d.is(t, "+log", "-log")
}

func TestAnErrorOfOneDoesNotKeepTheOthersFromStopping(t *testing.T) {
	t.Parallel()
	var d diary
	broken := errors.New("disk full")
	g := lifecycle.New(nil, d.unit("log", nil, nil), d.unit("view", nil, broken), d.unit("web", nil, nil))
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := g.Stop(t.Context())
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "stop view: ") {
		t.Fatalf("got %v", err)
	}
	d.is(t, "+log", "+view", "+web", "-web", "-view", "-log")
}

func TestAUnitThatHangsIsLeftBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d diary
		release := make(chan struct{})
		deaf := lifecycle.Unit{Name: "deaf", Stop: func(context.Context) error { <-release; return nil }}
		g := lifecycle.New(nil, lifecycle.Unit{Name: "log", Stop: func(context.Context) error { d.write("-log"); return nil }}, deaf)
		if err := g.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		begun := time.Now()
		err := g.Stop(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "stop deaf: left behind") {
			t.Errorf("got %v", err)
		}
		if took := time.Since(begun); took != 11*time.Second {
			t.Errorf("it took %v", took)
		}
		d.is(t, "-log")
		close(release)
	})
}

func TestStopDuringStartWaitsAndStopsEverything(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d diary
		release := make(chan struct{})
		slow := d.unit("slow", nil, nil)
		slow.Start = func(context.Context) error { <-release; d.write("+slow"); return nil }
		g := lifecycle.New(nil, d.unit("log", nil, nil), slow, d.unit("web", nil, nil))
		started, stopped := make(chan error, 1), make(chan error, 1)
		go func() { started <- g.Start(t.Context()) }()
		synctest.Wait()
		go func() { stopped <- g.Stop(t.Context()) }()
		close(release)
		if err := errors.Join(<-started, <-stopped); err != nil {
			t.Error(err)
		}
		d.is(t, "+log", "+slow", "+web", "-web", "-slow", "-log")
	})
}

func TestReadyNamesWhatIsNot(t *testing.T) {
	t.Parallel()
	behind := errors.New("12 behind")
	var fault error
	g := lifecycle.New(nil,
		lifecycle.Unit{Name: "log"},
		lifecycle.Unit{Name: "view", Ready: func(context.Context) error { return fault }})
	if err := g.Ready(t.Context()); err == nil || err.Error() != "log has not started" {
		t.Fatalf("got %v", err)
	}
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := g.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	fault = behind
	if err := g.Ready(t.Context()); !errors.Is(err, behind) || err.Error() != "view: 12 behind" {
		t.Fatalf("got %v", err)
	}
	if err := g.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := g.Ready(t.Context()); err == nil {
		t.Fatal("ready after Stop")
	}
}
