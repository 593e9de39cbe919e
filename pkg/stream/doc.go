// Package stream is a log of events on NATS JetStream with one way to write: a compare-and-set under a [Guard]. Counters
// ([Log.Increment]) are the exception; a work queue ([Log.Consume]) takes what strangers publish.
//
// It is for programs that keep their state as facts in order: read what has happened, decide, and write the next fact
// only if nothing else has happened meanwhile. A guard is a subject filter within a stream, such as everything about
// order o-1. In five lines, with nc a *nats.Conn:
//
//	log, err := stream.Open(nc, stream.Config{})
//	_, _, err = log.Declare(ctx, stream.Declaration{Name: "ORDERS", Subjects: []string{"orders.>"}, MaxBytes: 64 << 20})
//	guard := stream.NewGuard("ORDERS", "orders.o-1.>")
//	sequence, err := log.Append(ctx, guard, last, stream.Event{ID: id, Subject: "orders.o-1.paid", Data: data})
//	err = log.Tail(ctx, "ORDERS", 0, func(m stream.Message) { fmt.Println(m.Sequence, m.Subject) })
//
// # Promises
//
//   - An event is stored only if the guard's last sequence is still the one the writer decided upon. Of any number of
//     writers who decided upon the same one, at most one wins; the others get a [Conflict]. This holds while all who
//     write under one invariant use the same guard: the leader of a replicated stream compares the guards of writes in
//     flight letter by letter.
//   - A refusal or a missing answer is not a verdict: the write may have been stored. [Log.Commit] looks for its own
//     event id before it decides again, and says [ErrUnknown] rather than guess. The same id may be committed again.
//   - [Log.AppendAll] stores several events, each under its own guard, or none of them.
//   - [Log.Last], [Log.After] and [Log.At] ask the stream's leader, so that a decision never rests on a replica's old
//     copy.
//   - [Log.Tail] delivers every message in order, without gap, and once, over lost connections and new leaders.
//   - [Log.Consume] hands over every message of a work queue until it is acknowledged, at least once.
//   - [Log.Hint] promises nothing: hints wake those who listen at the moment, and are never counted on.
//   - A full stream refuses what is new. Nothing that was acknowledged makes room for it, but where a limit per subject,
//     an age or a TTL was declared.
//
// # What a crash costs
//
// Of this process: nothing, it keeps nothing; what it consumed and did not acknowledge comes again. Who died before the
// answer came commits the same event id again. An interrupted [Log.Erase] goes on where it stood. Of the server's
// machine: nothing that was acknowledged, if the server syncs before it answers (sync_interval: always); with its default,
// up to two minutes. A stream declared with Memory is gone with its server, and the next question about it makes it
// anew, empty. A stream that was made anew has another [Info].Incarnation, and positions in the old one say nothing about
// it.
//
// # Limits
//
// A batch is at most [MaxBatch] writes; a stream takes 50 batches at a time and drops what is not complete within 10 s. An
// event is as large as the server's max_payload, 1 MiB by default, less its headers. One question to the server
// takes at most 5 s, a [Log.Declare] 20 s, a [Log.Purge] a minute, as each message of a [Log.Erase], a [Log.Commit] 8 lost
// rounds or 20 s. [Log.Tail] asks for 8 MiB at once. A hint has at most 64 KiB. Commits of one [Log] under one guard take
// turns: share it in a process. It holds no goroutine but while [Log.Consume] runs.
//
// The package knows nothing of what an event means. Package view keeps what was made of a log, package follow keeps it
// in step, package streamtest runs real servers in tests.
package stream
