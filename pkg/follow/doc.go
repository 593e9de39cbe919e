// Package follow keeps a view (package view) in step with the streams it is made from (package stream).
//
// It is for every replica of a program whose only durable state is a log: each has its own [Follower], reads from its
// own view, and decides upon the log. In five lines, with log a *stream.Log:
//
//	f := follow.New(follow.Config{Log: log, Path: path, Buckets: []string{"orders"}, Format: "1", Streams: []string{"ORDERS"},
//		Apply: func(tx *view.Tx, m stream.Message) error { return tx.Put("orders", []byte(m.Subject), m.Data) }})
//	err := f.Start(ctx)                               // f.Ready tells when it has caught up
//	position, err := f.Commit(ctx, guard, id, decide) // decide sees a view that has everything under the guard
//	err = f.Read(func(tx *view.Tx) error { … })       // sees what was just committed
//	err = f.Stop(ctx)
//
// # Promises
//
//   - Messages are applied in the order of their stream, each once, in batches of up to 1,000, each batch in one
//     transaction with the position reached. Two streams have no common order: Apply must come to the same result for
//     every interleaving.
//   - When it starts it asks whether the view still fits the log: the same incarnation, a position within the stream,
//     and the last 100 messages still there and unchanged, or gone for a reason. If not, it puts the old file aside and
//     reads everything anew. It never goes on over a view that does not fit.
//   - [Follower.Commit] decides upon a view that has everything the leader has under the guard, and returns when the
//     view has what was written. Who reads elsewhere brings the position along ([Follower.WaitPosition]).
//   - What Apply removes for good (view.Tx.Forget) is wiped from the view's file within seconds, also after a crash.
//   - A message that cannot be applied stops the follower, and [Follower.Ready] says so: going on would leave a hole.
//
// # What a crash costs
//
// Time. What was committed is on the log; the view goes on where it was, or is made anew (see package view), which
// takes as long as it takes to read the streams.
//
// # Limits
//
// One stream is applied by one goroutine, in one view with one change at a time. At most 128 messages of a stream wait to
// be applied, besides the batch under way. A wait for a position ends after 2 s with Unavailable. Of views that were put
// aside the newest 3 are kept; the others are deleted. What was removed from the log is not told: a follower that sees it
// missing wants to know why (Config.Tombstones, Config.Explains). A view that was put aside is not wiped. Streams have to be declared before Start.
package follow
