// Package child is what the bench runs in processes of its own, so that their processor time and memory can be told from
// everybody else's: appends to a log, plain writes to a file, a server over a log that does nothing,
// and both ends of HTTP.
//
// A child says a line when it is ready, then answers each order that it reads, and ends when it can read no more: it
// cannot outlive the bench.
package child
