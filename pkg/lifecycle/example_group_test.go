package lifecycle_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/kikigaki/kikigaki/pkg/lifecycle"
)

// named is a unit that says what happens to it.
func named(name string) lifecycle.Unit {
	return lifecycle.Unit{
		Name:  name,
		Start: func(context.Context) error { fmt.Println("start", name); return nil },
		Stop:  func(context.Context) error { fmt.Println("stop", name); return nil },
	}
}

// What starts first is stopped last: nobody loses what it stands on.
func Example() {
	ctx := context.Background()
	group := lifecycle.New(nil, named("database"), named("service"), named("listener"))
	fmt.Println("ready:", group.Ready(ctx))
	fmt.Println(group.Start(ctx))
	fmt.Println("ready:", group.Ready(ctx))
	fmt.Println(group.Stop(ctx))
	// Output:
	// ready: database has not started
	// start database
	// start service
	// start listener
	// <nil>
	// ready: <nil>
	// stop listener
	// stop service
	// stop database
	// <nil>
}

// When a unit cannot start, what had started before it is stopped again, and those behind it never start.
func ExampleGroup_Start() {
	broken := lifecycle.Unit{Name: "service", Start: func(context.Context) error { return errors.New("port in use") }}
	group := lifecycle.New(nil, named("database"), broken, named("listener"))
	fmt.Println(group.Start(context.Background()))
	// Output:
	// start database
	// stop database
	// start service: port in use
}

// A unit may have started and yet not be able to work: probes ask Ready, and are told who is not.
func ExampleGroup_Ready() {
	ctx := context.Background()
	caughtUp := false
	group := lifecycle.New(nil, lifecycle.Unit{Name: "view", Ready: func(context.Context) error {
		if !caughtUp {
			return errors.New("at 10 of 12")
		}
		return nil
	}})
	fmt.Println(group.Start(ctx))
	fmt.Println(group.Ready(ctx))
	caughtUp = true
	fmt.Println(group.Ready(ctx))
	fmt.Println(group.Stop(ctx))
	// Output:
	// <nil>
	// view: at 10 of 12
	// <nil>
	// <nil>
}
