// Package lifecycle starts the parts of a process in order, says when all of them can work, and stops them in reverse.
//
// It is for a program of several parts that stand on one another: a database, a service, a listener. In five lines:
//
//	group := lifecycle.New(logger, database, service, listener) // each a lifecycle.Unit
//	if err := group.Start(ctx); err != nil { return err }       // what had started is stopped again
//	mux.Handle("GET /readyz", serve.Health(group.Ready))
//	<-ctx.Done()                                                // SIGTERM
//	return group.Stop(shutdown)                                 // the listener first, the database last
//
// # Promises
//
//   - A unit starts when those before it have started, and is stopped before they are.
//   - When one cannot start, or the context ends, those before it are stopped, and those behind it never start.
//   - Stopping goes on over errors and over a unit that hangs, and names each in its error.
//   - Start and Stop never meet: a Stop waits until a Start has returned. Both may be called again.
//
// # What a crash costs
//
// The package keeps nothing. Units must live with their Stop never being called: a process can be killed.
//
// # Limits
//
// Units start one after the other, in one goroutine. There is no time-out but the contexts': a unit that does not return
// within 1 s after its Stop's context was done is left behind; what a failed start undoes gets 30 s. A unit whose own
// Start failed cleans up after itself. A unit that ends by itself is not restarted: its Ready says so, and whoever looks
// after the process decides.
package lifecycle
