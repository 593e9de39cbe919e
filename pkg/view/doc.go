// Package view keeps a replica's local copy of what it needs from the log, in one bbolt file.
//
// A view is worth nothing: it may be deleted at any time and is made again from the log. What it must never be is
// wrong without knowing. It therefore stores, in the transaction that changes it, how far it has read each stream
// ([Mark]), the last messages it read ([Seen], to be compared with the log when it is opened), and for each bucket a
// sum over its contents that does not depend on the order of changes, by which replicas are compared.
//
// The file is not synced with every transaction, for the log is the truth. After a crash of the machine, not of the
// process, the file may be torn: a view that was not closed under the same boot of the machine is thrown away.
package view
