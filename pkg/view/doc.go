// Package view keeps a local copy of what a program needs from a log, in one bbolt file.
//
// It is for answering questions that a log answers slowly: which orders are open, what is the newest state of a key. In
// five lines:
//
//	v, err := view.Open(view.Config{Path: path, Buckets: []string{"orders"}, Format: "1"})
//	err = v.Apply(view.Mark{Stream: "ORDERS", Incarnation: incarnation, Sequence: 7}, nil, func(tx *view.Tx) error {
//		return tx.Put("orders", []byte("o-1"), data)
//	})
//	err = v.Read(func(tx *view.Tx) error { data = bytes.Clone(tx.Get("orders", []byte("o-1"))); return nil })
//	err = v.Close()
//
// # Promises
//
// A view is worth nothing: it may be deleted at any time and is made again from the log. What it must never be is wrong
// without knowing.
//
//   - What changes and how far the log was read ([Mark]) change in one transaction: after any end of the process the
//     view goes on behind exactly what it holds.
//   - It remembers the last 100 messages of each stream ([Seen]), to be compared with the log when it is opened: a log
//     that was rolled back, restored or exchanged is noticed. Package follow does so.
//   - It keeps a sum of each bucket's contents that does not depend on the order of changes ([View.Sums]): replicas that
//     read as far must have equal sums. [View.Verify] counts them anew.
//   - A read sees one state of the whole view, whatever changes meanwhile.
//   - What was removed for good ([Tx.Forget]) is, after [View.Scrub], not in the file.
//
// # What a crash costs
//
// Of the process: at most the change under way. Of the machine: the view. The file is not synced with every transaction,
// for the log is the truth, and may be torn; one that was not closed before the machine went down is [ErrUseless], as is a
// damaged one or one of another Format, and has to be moved away. Only Linux tells one run of the machine from the next:
// elsewhere every view that was not closed is useless.
//
// # Limits
//
// One process has the file open; another waits 5 s and fails. One change at a time, any number of reads; a read that
// never ends keeps the file growing. A key has 1 to 32,768 bytes. The file is as large as it ever was: it does not
// shrink, and what was removed lies in its free pages until they are used again or scrubbed. Sums cost a SHA-256 of each key and value that is written. A bucket that was not declared is a mistake in the
// program and ends it.
package view
